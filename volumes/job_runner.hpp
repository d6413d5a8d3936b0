// volumes/job_runner.hpp - the disposable children: one per job, a few per server, given up when they take too long.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::volumes {

struct VolumeJob {
  std::string id;      ///< Whose job it is ("publish <target>"): at most one of an id at a time.
  std::string serial;  ///< Jobs of one serial run one after the other: a device, a claim.
  std::string peer;    ///< "server 10.0.0.5": at most a few jobs of one peer run at a time.
  std::string name;    ///< What messages call the volume: "data-db-0".
  json::object document;
};

struct JobLimits {
  std::size_t per_peer = 2;  ///< A dead server costs this many children, however many pods wait for it.
  std::size_t running = 16;
  std::size_t queued = 4096;
  /// Until the child says how long its step may take.
  std::chrono::milliseconds first_step{30'000};
  /// A child that SIGKILL has not ended by then hangs in the kernel (state D): its job has failed, and its serial is in
  /// quarantine until it does end.
  std::chrono::milliseconds kill_grace{1'000};
  /// From then on a job that has not answered is worth telling about.
  std::chrono::milliseconds slow{3'000};
};

/// Runs jobs, see volume_job.hpp, as processes of `program`; one thread, started with the first job, waits for all of
/// them. Any thread may call. Destroying it kills what runs and waits for none of it (`done` is not called any more): a
/// child that hangs cannot hold up the agent's end.
class JobRunner {
 public:
  /// The answer, or why there is none: its own error, DeadlineExceeded (given up), Cancelled, Unavailable (the program
  /// is not there, or ended without an answer). On the runner's thread: must not block.
  using Done = std::function<void(const Result<json::object>&)>;
  /// The job has become slow, or a child that hung has ended: say so or try again. On the runner's thread.
  using Notice = std::function<void()>;

  explicit JobRunner(std::filesystem::path program, JobLimits limits = {});
  ~JobRunner();
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  /// Begins the job, or queues it. False: one of that id is under way, or still hangs (then `done` is not called).
  /// ResourceExhausted is given to `done` at once when the queue is full.
  bool start(VolumeJob job, Done done, Notice notice = {});

  /// Takes it from the queue, or kills it; `done` gets Cancelled. None of that id is success.
  void cancel(const std::string& id);

  bool busy(const std::string& id) const;

  /// Was it given up, and its child still hangs in the kernel?
  bool hangs(const std::string& id) const;

  /// What that job waits for, one sentence: "data-db-0: server 10.0.0.5 silent for 42 s (mount the export)"; empty when
  /// there is none.
  std::string waits_for(const std::string& id) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::volumes
