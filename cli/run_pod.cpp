// cli/run_pod.cpp - the pod that `berth run` makes of its flags.
#include "cli/run_pod.hpp"

#include <fmt/format.h>

namespace berth::cli {

Result<json::value> RunPod::to_json() const {
  if (image.empty()) return Error(ErrorCode::InvalidArgument, "required flag(s) \"image\" not set");
  if (restart != "Always" && restart != "OnFailure" && restart != "Never") {
    return Error(ErrorCode::InvalidArgument, fmt::format("invalid restart policy: {}", restart));
  }
  json::object container{{"name", name}, {"image", image}, {"resources", json::object{}}};
  if (!args.empty()) container[command ? "command" : "args"] = json::array(args.begin(), args.end());
  json::array variables;
  for (const auto& one : env) {
    const auto equals = one.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error(ErrorCode::InvalidArgument, fmt::format("invalid env: {}", one));
    }
    variables.push_back({{"name", one.substr(0, equals)}, {"value", one.substr(equals + 1)}});
  }
  if (!variables.empty()) container["env"] = std::move(variables);
  if (port) container["ports"] = json::array{json::object{{"containerPort", *port}}};
  if (!pull_policy.empty()) container["imagePullPolicy"] = pull_policy;
  if (has_stdin) {
    container["stdin"] = true;
    container["stdinOnce"] = true;
  }
  if (tty) container["tty"] = true;
  json::object marks;
  for (const auto& one : labels) {
    const auto equals = one.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error(ErrorCode::InvalidArgument, fmt::format("unexpected label spec: {}", one));
    }
    marks[one.substr(0, equals)] = one.substr(equals + 1);
  }
  if (marks.empty()) marks["run"] = name;
  json::object metadata{{"name", name}, {"labels", std::move(marks)}};
  json::object spec{{"containers", json::array{std::move(container)}}, {"restartPolicy", restart}};
  return json::value(json::object{
      {"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", std::move(metadata)}, {"spec", std::move(spec)}});
}

}  // namespace berth::cli
