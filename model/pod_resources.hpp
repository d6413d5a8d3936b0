// model/pod_resources.hpp - what a pod asks for in all. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace berth::model {

/// An amount that can be added to; the greatest is 2^63-1 thousandths, and what is more is that.
struct Amount {
  std::int64_t milli = 0;
  bool binary = false;  ///< It was written with Ki, Mi, ...: it is shown so.

  Amount& operator+=(const Amount& other);
  /// As Kubernetes writes a quantity: "1500m", "128Mi", "2".
  std::string text() const;
};
using Amounts = std::map<std::string, Amount>;

/// Is it an extended resource ("example.com/dongle"), which the host does not have of itself but by somebody's word?
inline bool is_extended_resource(std::string_view name) { return name.find('/') != std::string_view::npos; }

/// None for what is no quantity.
Amount amount_of(const json::value& quantity);
/// The quantities of an object of them; null and everything else are as if empty.
Amounts amounts_of(const json::value* list);

/// `requests` or `limits` of a pod: the sum of its containers and sidecars, or what an init container needs beside the
/// sidecars before it, whichever is more (KEP-753); with spec.overhead.
Amounts pod_amounts(const json::object& pod, std::string_view list);

}  // namespace berth::model
