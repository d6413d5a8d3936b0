// cli/resources.hpp - what the words on the command line mean: "pods", "sts/web", "pod,svc". Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/meta.hpp"

namespace berth::cli {

struct ResourceRef {
  const model::KindInfo* kind = nullptr;
  std::string name;  ///< Empty: all of that kind.
};

/// "pods", "pods web-0 web-1", "pods,svc", "pod/web-0 svc/web", "all". InvalidArgument as kubectl words it.
Result<std::vector<ResourceRef>> parse_resources(const std::vector<std::string>& words);

/// "/api/v1/namespaces/default/pods/web-0"; all namespaces when `ns` is empty.
std::string resource_path(const model::KindInfo& kind, std::string_view ns, std::string_view name);

/// "statefulset.apps/web", "pod/web-0"
std::string display_name(const model::KindInfo& kind, std::string_view name);

}  // namespace berth::cli
