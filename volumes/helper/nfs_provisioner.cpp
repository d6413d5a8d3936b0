// volumes/helper/nfs_provisioner.cpp - see nfs_provisioner.hpp.
#include "volumes/helper/nfs_provisioner.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/mount_table.hpp"
#include "volumes/helper/claim_directory.hpp"
#include "volumes/helper/claim_lock.hpp"
#include "volumes/helper/nfs.hpp"
#include "volumes/helper/parameters.hpp"
#include "volumes/helper/tool.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kMount{120};
constexpr std::chrono::seconds kQuick{60};

/// The class's export, mounted for this process alone until it ends. See mount_namespaces(7).
Result<fs::path> mount_share(const NfsParameters& parameters, const std::vector<std::string>& options,
                             const fs::path& run_dir) {
  const auto device = nfs_device({parameters.server, parameters.path, /*read_only=*/false});
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return Error::from_errno(errno, "leave the host's mount namespace");
  }
  const auto target = run_dir / "share";
  if (auto made = make_directories(target, 0700); !made) return made.error();
  say_doing(fmt::format("mount {}", device), kMount);
  const auto ran =
      run_tool({"mount.nfs", device, target.string(), "-o", nfs_options(options, /*read_only=*/false)}, kMount);
  if (!ran) return ran.error();
  if (ran->exit_code != 0) return nfs_error(device, ran->output);
  return target;
}

class NfsProvisioner final : public Provisioner {
 public:
  Answer provision(const ProvisionJob& job) override;
  Answer expand(const ExpandJob& job) override { return json::object{{"bytes", job.bytes}}; }
  Answer reclaim(const ReclaimJob& job) override;
};

Answer NfsProvisioner::provision(const ProvisionJob& job) {
  const auto parameters = nfs_parameters(job.parameters);
  if (!parameters) return parameters.error();
  if (job.block) {
    return Error(ErrorCode::InvalidArgument, "an NFS share has no raw block volumes (volumeMode: Block)");
  }
  const auto path = export_path(*parameters, job.ns, job.claim);
  // mount.nfs may start rpc.statd, which would keep the lock for ever.
  const auto lock = take_lock("nfs", fmt::format("{}:{}", parameters->server, path), HandDown::No);
  if (!lock) return lock.error();
  const auto share = mount_share(*parameters, job.mount_options, job.run_dir);
  if (!share) return share.error();
  say_doing(fmt::format("make {} on server {}", path, parameters->server), kQuick);
  const auto made = make_claim_directory(*share, job.ns, job.claim, parameters->mode);
  if (!made) return made.error().context(fmt::format("server {}", parameters->server));
  return provisioned(model::NfsSource{parameters->server, path, /*read_only=*/false}, job.bytes, /*local=*/false);
}

/// remove_tree in pieces of a minute, each said: a share of millions of files takes its time, and is not silent.
Status remove_in_pieces(const fs::path& share, const ReclaimJob& job, const std::string& shown) {
  constexpr std::chrono::minutes kPiece{1};
  constexpr int kMostPieces = 12 * 60;
  Status removed = Ok{};
  for (int piece = 0; piece < kMostPieces; ++piece) {
    say_doing(fmt::format("remove {} ({} min)", shown, piece), 2 * kPiece);
    removed = remove_claim_directory(share, job.ns, job.claim, std::chrono::steady_clock::now() + kPiece);
    if (!failed_with(removed, ErrorCode::DeadlineExceeded)) return removed;
  }
  return removed;
}

Answer NfsProvisioner::reclaim(const ReclaimJob& job) {
  const auto parameters = nfs_parameters(job.parameters);
  if (!parameters) return parameters.error();
  const auto path = export_path(*parameters, job.ns, job.claim);
  const auto* source = std::get_if<model::NfsSource>(&job.source);
  if (source == nullptr || source->server != parameters->server || source->path != path) {
    return Error(
        ErrorCode::FailedPrecondition,
        fmt::format("the volume is {}, and this claim's would be {}:{}: left alone",
                    source == nullptr ? std::string("no NFS export") : nfs_device(*source), parameters->server, path));
  }
  if (parameters->on_delete == OnDelete::Retain) return json::object();
  const auto device = nfs_device(*source);
  const auto table = MountTable::read();
  if (!table) return table.error();
  for (const auto& mount : table->entries()) {
    if (mount.source != device || !mount.fs_type.starts_with("nfs")) continue;
    return Error(ErrorCode::FailedPrecondition, fmt::format("{} is mounted at {}", device, mount.target));
  }
  const auto lock = take_lock("nfs", fmt::format("{}:{}", parameters->server, path), HandDown::No);
  if (!lock) return lock.error();
  const auto share = mount_share(*parameters, job.mount_options, job.run_dir);
  if (!share) return share.error();
  say_doing(fmt::format("move {} aside on server {}", path, parameters->server), kQuick);
  const auto done = parameters->on_delete == OnDelete::Archive ? archive_claim_directory(*share, job.ns, job.claim)
                                                               : remove_in_pieces(*share, job, device);
  if (!done) return done.error().context(fmt::format("server {}", parameters->server));
  return json::object();
}

bool is_host(std::string_view server) {
  return !server.empty() && server.front() != '-' &&
         server.find_first_of(std::string_view(" \t\n/,\0", 6)) == std::string_view::npos;
}

}  // namespace

Result<NfsParameters> nfs_parameters(const model::StringMap& parameters) {
  constexpr mode_t kMostMode = 07777;
  constexpr int kOctal = 8;
  ParameterReader reader(parameters);
  NfsParameters read;
  read.server = reader.required("server");
  if (!read.server.empty() && !is_host(read.server)) {
    reader.fail("server", fmt::format("\"{}\": must be a server's name or address", read.server));
  }
  read.path = reader.path("path");
  if (read.path.empty()) reader.fail("path", "must be given");
  const auto on_delete = reader.one_of("onDelete", {"delete", "retain", "archive"});
  read.on_delete = on_delete == "retain"    ? OnDelete::Retain
                   : on_delete == "archive" ? OnDelete::Archive
                                            : OnDelete::Delete;
  const auto mode = reader.text("mode", "0777");
  const auto* end = mode.data() + mode.size();
  const auto parsed = std::from_chars(mode.data(), end, read.mode, kOctal);
  if (mode.empty() || parsed.ec != std::errc() || parsed.ptr != end || read.mode > kMostMode) {
    reader.fail("mode", fmt::format("\"{}\": must be an octal mode such as 0770", mode));
  }
  return reader.take(std::move(read));
}

std::string export_path(const NfsParameters& parameters, const std::string& ns, const std::string& claim) {
  return fmt::format("{}/{}/{}", parameters.path == "/" ? std::string() : parameters.path, ns, claim);
}

std::unique_ptr<Provisioner> make_nfs_provisioner() { return std::make_unique<NfsProvisioner>(); }

}  // namespace berth::volumes::helper
