// model/service_addresses.hpp - which addresses and node ports a service gets, keeps and is refused. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/admission.hpp"

namespace berth::model {

/// The block that services' addresses come from; default: none, and nothing is given or refused.
struct ServiceRange {
  std::uint32_t base = 0;  ///< Host order.
  unsigned prefix = 0;

  /// InvalidArgument unless it is an IPv4 block of /12 to /29 without bits below the prefix.
  static Result<ServiceRange> parse(std::string_view text);

  bool given() const { return prefix != 0; }
  std::string text() const;
  /// Is it an address of the block that a service can have? Not the first and the last.
  bool contains(std::string_view address) const;
  /// Does it share addresses with `block` ("10.98.0.0/24")? False when that is no IPv4 block.
  bool overlaps(std::string_view block) const;
};

/// Kubernetes' default --service-node-port-range.
inline constexpr std::int64_t kFirstNodePort = 30000;
inline constexpr std::int64_t kLastNodePort = 32767;

/// What a write of a stored Service leaves out and the server had chosen stays: its address, its node ports; what goes
/// with a type that it has no longer goes. Before defaults and validation, for every new state that a person wrote.
void keep_service_addresses(json::object& raw, const json::object& old);

/// Has it all that it needs, and only what `old` has already? Then allocate_service() would have nothing to do.
bool has_service_addresses(const json::object& raw, const json::object* old);

/// Fills in what a valid, defaulted Service needs and does not say: spec.clusterIP with clusterIPs,
/// spec.ports[*].nodePort, and spec.healthCheckNodePort. `old` is what it replaces (null: it is new), `others` are all
/// other services.
///
/// The choice begins at a place that the service's name gives: one that is made again has its address again, if that is
/// still free. As in Kubernetes the first part of the range is given last, so that it is there for those who choose.
/// InvalidArgument, `field: message`: what it chose itself is taken or outside of the range, or nothing is left. What
/// `old` had already is not judged again.
Status allocate_service(const ServiceRange& range, json::object& raw, const json::object* old,
                        const std::vector<const json::object*>& others);

/// allocate_service() as a part of each write: whoever writes a Service (API, files, ourselves), it is stored with what
/// it needs, or refused because what it chose is taken.
Completion service_completion(const ServiceRange& range);

}  // namespace berth::model
