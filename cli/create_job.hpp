// cli/create_job.hpp - the Job that `berth create job` makes of its flags. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::cli {

struct CreateJob {
  std::string name;
  std::string image;
  std::vector<std::string> command;

  /// As kubectl makes it of --image. InvalidArgument: a flag makes no sense.
  Result<json::value> to_json() const;
  /// As kubectl makes it of --from: the CronJob's template, which owns it from then on.
  json::value from_cron_job(const json::value& cron) const;
};

}  // namespace berth::cli
