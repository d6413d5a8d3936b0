// volumes/claim_volumes.cpp - see claim_volumes.hpp.
#include "volumes/claim_volumes.hpp"

#include <fmt/format.h>

#include <array>

#include "volumes/directory_provisioner.hpp"

namespace berth::volumes {
namespace {

constexpr std::string_view kDirectory = "berth.io/directory";
/// How long one call works on a large directory before it says DeadlineExceeded: lanes must not be held longer.
constexpr std::chrono::seconds kTreeBudget{8};

/// Whom the children of a storage class may have to wait for.
std::string peer_of(const model::StringMap& parameters) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPeers{
      {{"server", "server"}, {"volumeGroup", "volume group"}, {"iscsiTargetPortal", "portal"}}};
  for (const auto& [parameter, what] : kPeers) {
    const auto found = parameters.find(std::string(parameter));
    if (found != parameters.end()) return fmt::format("{} {}", what, found->second);
  }
  return "disks";
}

template <typename Job, typename Request>
Job with_dirs(const Request& request, const std::filesystem::path& run_dir, const std::filesystem::path& state_dir) {
  Job job;
  static_cast<Request&>(job) = request;
  job.run_dir = run_dir;
  job.state_dir = state_dir;
  return job;
}

}  // namespace

const std::vector<std::string_view>& provisioners() {
  static const std::vector<std::string_view> kAll = {kDirectory, "berth.io/nfs", "berth.io/lvm", "berth.io/loop",
                                                     "berth.io/pool"};
  return kAll;
}

ClaimVolumes::ClaimVolumes(const VolumesConfig& config, JobRunner& runner)
    : run_dir_(config.run_dir), state_dir_(config.state_dir), runner_(runner) {}

void ClaimVolumes::start(const std::string& ns, const std::string& claim, std::string peer, json::object document,
                         const JobRunner::Done& done) {
  const auto id = fmt::format("claim {}/{}", ns, claim);
  const auto begun = runner_.start(
      {.id = id, .serial = id, .peer = std::move(peer), .name = claim, .document = std::move(document)}, done);
  if (!begun) done(Error(ErrorCode::Aborted, runner_.waits_for(id)));
}

void ClaimVolumes::provision(const ProvisionRequest& request, std::function<void(const Result<Provisioned>&)> done) {
  if (request.provisioner == kDirectory) {
    const auto made = provision_directory(state_dir_ / "volumes", request.ns, request.claim);
    if (!made) return done(made.error());
    return done(Provisioned{
        .source = model::HostPathSource{made->string(), "Directory"}, .bytes = request.bytes, .local = true});
  }
  start(request.ns, request.claim, peer_of(request.parameters),
        encode(with_dirs<ProvisionJob>(request, run_dir_, state_dir_)), [done](const Result<json::object>& answer) {
          done(answer ? decode_provisioned(*answer) : Result<Provisioned>(answer.error()));
        });
}

void ClaimVolumes::expand(const ExpandRequest& request, std::function<void(const Result<std::int64_t>&)> done) {
  if (request.provisioner == kDirectory) return done(request.bytes);  // It has no size of its own.
  start(request.ns, request.claim, peer_of(request.parameters),
        encode(with_dirs<ExpandJob>(request, run_dir_, state_dir_)), [done](const Result<json::object>& answer) {
          if (!answer) return done(answer.error());
          const auto* bytes = answer->if_contains("bytes");
          if (bytes == nullptr || !bytes->is_int64()) {
            return done(Error(ErrorCode::Internal, "berth-volume answered no size"));
          }
          done(bytes->get_int64());
        });
}

void ClaimVolumes::reclaim(const ReclaimRequest& request, std::function<void(const Status&)> done) {
  if (request.provisioner == kDirectory) {
    const auto deadline = std::chrono::steady_clock::now() + kTreeBudget;
    return done(reclaim_directory(state_dir_ / "volumes", request.ns, request.claim, deadline));
  }
  start(request.ns, request.claim, peer_of(request.parameters),
        encode(with_dirs<ReclaimJob>(request, run_dir_, state_dir_)),
        [done](const Result<json::object>& answer) { done(answer ? Status(Ok{}) : Status(answer.error())); });
}

}  // namespace berth::volumes
