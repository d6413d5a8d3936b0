// cli/run_pod.hpp - the pod that `berth run` makes of its flags. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::cli {

struct RunPod {
  std::string name;
  std::string image;
  std::string restart = "Always";
  std::vector<std::string> env;     ///< "NAME=VALUE"
  std::vector<std::string> labels;  ///< "app=web"
  std::vector<std::string> args;
  std::string pull_policy;
  std::optional<std::int64_t> port;
  bool command = false;  ///< `args` replace the image's entry point.
  bool has_stdin = false;
  bool tty = false;

  /// The Pod as kubectl run would make it. InvalidArgument: a flag makes no sense.
  Result<json::value> to_json() const;
};

}  // namespace berth::cli
