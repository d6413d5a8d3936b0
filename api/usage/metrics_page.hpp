// api/usage/metrics_page.hpp - /metrics and /metrics/resource in Prometheus' text format 0.0.4.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"
#include "base/counters.hpp"

namespace berth::api {

/// False: neither of the two, `respond` was not used. What has to be read is read on the lane.
bool handle_metrics_page(ApiContext& context, const Target& target, Method method, const Respond& respond);

/// "# HELP ..." and "# TYPE ...".
void append_family(std::string& out, std::string_view name, std::string_view type, std::string_view help);

/// A family of one metric without labels.
template <typename Value>
void append_one(std::string& out, std::string_view name, std::string_view type, std::string_view help,
                const Value& value) {
  append_family(out, name, type, help);
  out += fmt::format("{} {}\n", name, value);
}

/// Buckets, sum and count of one histogram; `labels` as `a="b",c="d"`, or empty.
template <std::size_t kBounds>
void append_histogram(std::string& out, std::string_view name, std::string_view labels,
                      const Histogram<kBounds>& histogram) {
  const auto* const comma = labels.empty() ? "" : ",";
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < kBounds; ++i) {
    count += histogram.count(i);
    out += fmt::format("{}_bucket{{{}{}le=\"{}\"}} {}\n", name, labels, comma, histogram.bounds()[i], count);
  }
  count += histogram.count(kBounds);
  out += fmt::format("{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name, labels, comma, count);
  const auto set = labels.empty() ? std::string() : fmt::format("{{{}}}", labels);
  out += fmt::format("{}_sum{} {}\n{}_count{} {}\n", name, set, histogram.sum(), name, set, count);
}

/// A label's value with '\', '"' and newlines escaped.
std::string escape_label(std::string_view value);

}  // namespace berth::api
