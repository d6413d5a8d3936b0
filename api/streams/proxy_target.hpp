// api/streams/proxy_target.hpp - pods/proxy and services/proxy: whom a request is for, and where that one is. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "api/request/api_error.hpp"
#include "api/request/request_path.hpp"
#include "base/tcp_address.hpp"
#include "model/meta.hpp"

namespace berth::api {

/// `/api/v1/namespaces/NS/{pods,services}/[SCHEME:]NAME[:PORT]/proxy[/REST][?QUERY]`
struct ProxyTarget {
  model::Kind kind = model::Kind::Pod;  ///< Or Service.
  std::string ns{};
  std::string scheme{};  ///< Empty, "http" or "https".
  std::string name{};
  std::string port{};  ///< As written: a number, of services a name, too; empty: theirs to choose.
  std::string rest{};  ///< What the other one is asked for, still encoded: "/REST?QUERY"; empty: not even a slash.
};

/// Nullopt: it is no such path. InvalidArgument as a BadRequest: what stands for the name is none of the forms above.
std::optional<ApiResult<ProxyTarget>> parse_proxy_target(std::string_view target, const Target& parsed);

/// Where a pod is asked: its address, and the port that was named or its first one, else 80. BadRequest: it has no
/// address, or one that no pod can have: a pod's status may not send us to our own localhost.
ApiResult<TcpAddress> pod_address(const ProxyTarget& target, const json::object& pod);

/// One of a service's ready addresses, `turn` counting round. 503 as Kubernetes words it: no such port, nobody ready.
ApiResult<TcpAddress> service_address(const ProxyTarget& target, const json::object& service,
                                      const json::object* endpoints, std::size_t turn);

}  // namespace berth::api
