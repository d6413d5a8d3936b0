// agent/jobs/job_controller.hpp - keeps every Job at its plan: a row of the controller runner. Loop thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/control/controller_runner.hpp"
#include "agent/control/pod_making.hpp"
#include "agent/jobs/job_plan.hpp"
#include "agent/jobs/job_pods.hpp"
#include "agent/objects/object_cache.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Its keys are Jobs, and pods with the finalizer of a Job that is gone.
class JobController {
 public:
  /// `shared`: other hosts plan over the same store.
  JobController(const Clock& clock, const ObjectCache& cache, const store::Store& store, bool shared = false)
      : clock_(clock), cache_(cache), store_(store), making_(shared) {}

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  using Key = model::ObjectKey;
  struct Memory {
    std::string uid;
    JobPodNames names;
  };

  void wakes(const store::Change& change, const Waker& wake) const;
  void wake_owner(const model::Object& pod, const Waker& wake) const;
  void wake_all(const Waker& wake) const;
  std::shared_ptr<const model::Job> owner_of(const model::ObjectMeta& pod) const;
  Work plan(const Key& key);
  Work plan_pod(const Key& key) const;
  Work plan_job_key(const Key& key, const model::Job& job);
  void adopt_pods(const model::Job& job, Work& work) const;
  void release_pods(const model::Job& job, const std::vector<PodPtr>& pods, Work& work) const;
  std::vector<std::string> names_for(const Key& key, const model::Job& job, const std::vector<NewJobPod>& pods);
  void create(const Key& key, const model::Job& job, const std::vector<NewJobPod>& pods, Work& work);
  void write_status(const Key& key, const model::Job& job, JobPlan& plan, Work& work) const;

  const Clock& clock_;
  const ObjectCache& cache_;
  const store::Store& store_;
  std::map<Key, Memory> memories_;
  PodMaking making_;
};

}  // namespace berth::agent
