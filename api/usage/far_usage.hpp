// api/usage/far_usage.hpp - what other hosts measure, asked of all of them at once.
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"

namespace berth::api {

/// One NodeMetrics or PodMetrics.
struct UsageItem {
  std::string ns;  ///< Empty for a node.
  std::string name;
  std::string text;  ///< JSON
};

/// The items of a list of metrics.k8s.io. InvalidArgument: it is none. Pure.
Result<std::vector<UsageItem>> read_usage_list(const std::string& text);

/// Asks each of these nodes what `request` asks for, and calls `done` once, with what came: when all have answered, or
/// after `time`. Who does not answer, or with something else, is missing, as in Kubernetes. API thread.
void ask_far_usage(ApiContext& context, const std::set<std::string>& nodes, const HttpRequest& request,
                   std::chrono::milliseconds time, std::function<void(std::vector<UsageItem>)> done);

}  // namespace berth::api
