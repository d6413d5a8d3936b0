// cli/exposed_service.hpp - the Service that `berth expose` makes of an object and its flags. Pure.
#pragma once

#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/meta.hpp"

namespace berth::cli {

struct ExposedService {
  std::string name;  ///< Empty: the object's.
  std::string port;  ///< "80" or "80,443"; empty: those that the containers say they have.
  std::string target_port;
  std::string protocol;
  std::string type;
  std::string cluster_ip;
  std::string external_ip;
  std::string session_affinity;
  std::string selector;  ///< "app=web"; empty: the object's.
  std::string labels;    ///< "app=web"; empty: the object's.

  /// InvalidArgument: the kind has no pods behind it, its selector is more than labels, or no port is known.
  Result<json::value> to_json(const model::KindInfo& kind, const json::value& object) const;
};

}  // namespace berth::cli
