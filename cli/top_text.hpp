// cli/top_text.hpp - metrics.k8s.io objects as kubectl top's tables. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace berth::cli {

struct TopStyle {
  bool namespaces = false;
  bool containers = false;
  bool headers = true;
  bool sum = false;
  std::string sort_by;  ///< "", "cpu", "memory"
};

/// "NAME CPU(cores) MEMORY(bytes)" of PodMetrics.
std::string top_pods(const std::vector<json::value>& metrics, const TopStyle& style);

/// "NAME CPU(cores) CPU(%) MEMORY(bytes) MEMORY(%)" of NodeMetrics; `nodes` give what is allocatable.
std::string top_nodes(const std::vector<json::value>& metrics, const std::vector<json::value>& nodes,
                      const TopStyle& style);

}  // namespace berth::cli
