// agent/jobs/job_pods.hpp - the pods of a Job: how they are made, and what they are called. Pure, but for the names.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "agent/jobs/job_plan.hpp"

namespace berth::agent {

/// The Pod object: from the template, with the Job as owner, not counted yet; of an Indexed job with its number in
/// annotation, label, environment and host name.
json::object make_job_pod(const model::Job& job, const NewJobPod& pod, const std::string& name);

/// "<job>-<five letters>", "<job>-<index>-<five letters>": the job's name is cut so that it has 63 characters at most.
std::string job_pod_name(const std::string& job_name, std::optional<std::int32_t> index, const std::string& letters);

/// Names of one Job's pods, where nobody else makes pods for it. A name is given again until a pod
/// of that name has been seen: a creation whose answer was lost is refused the second time, where a name drawn for each
/// try would make a second pod.
class JobPodNames {
 public:
  /// Nobody else, and none of before a restart, gives names with that salt.
  JobPodNames(std::string job_name, std::string salt) : job_name_(std::move(job_name)), salt_(std::move(salt)) {}

  /// Names that are given from here on belong to one plan: none twice.
  void begin_plan() { given_.clear(); }
  /// `is_seen`: is a pod of that name there?
  std::string next(std::optional<std::int32_t> index, const std::function<bool(const std::string&)>& is_seen);

 private:
  std::string name_of(std::optional<std::int32_t> index, std::uint64_t number) const;

  std::string job_name_;
  std::string salt_;
  std::map<std::int32_t, std::set<std::uint64_t>> used_;  ///< By index; -1 for those without. Numbers that were seen.
  std::set<std::string> given_;
};

}  // namespace berth::agent
