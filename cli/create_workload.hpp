// cli/create_workload.hpp - the Deployment and the CronJob that `berth create` makes of its flags. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::cli {

struct CreateDeployment {
  std::string name;
  std::vector<std::string> images;
  std::vector<std::string> command;  ///< Of its one container.
  std::optional<std::int64_t> replicas;
  std::optional<std::int64_t> port;

  /// As kubectl makes it: label app=NAME, containers named after their images. InvalidArgument: a flag makes no sense.
  Result<json::value> to_json() const;
};

struct CreateCronJob {
  std::string name;
  std::string image;
  std::string schedule;
  std::string restart = "OnFailure";
  std::vector<std::string> command;

  /// As kubectl makes it. InvalidArgument: a flag makes no sense.
  Result<json::value> to_json() const;
};

}  // namespace berth::cli
