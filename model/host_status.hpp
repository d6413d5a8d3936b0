// model/host_status.hpp - what an agent says of its host: the document behind `berth status` and `berth doctor`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::model {

/// Where the API serves it.
constexpr std::string_view kHostStatusPath = "/berth/v1/status";

/// One thing that is wrong, for as long as it is.
struct HostProblem {
  std::string subject{};  ///< A file, or an object as ObjectKey::display() has it: "StatefulSet default/web".
  int line = 0;           ///< Of a file, 1-based; 0 when not known.
  std::string message{};
  bool warning = false;             ///< The subject works all the same.
  std::optional<WallTime> since{};  ///< When the agent first saw it.

  bool operator==(const HostProblem&) const = default;
};

struct ContainerdStatus {
  std::string address{};
  std::string version{};              ///< Empty until it answered once.
  std::string error{};                ///< Empty: usable.
  std::optional<WallTime> since{};    ///< Since when it is usable, or is not.
  std::vector<HostProblem> silent{};  ///< Pods whose shim does not answer, while it does.

  bool operator==(const ContainerdStatus&) const = default;
};

struct StoreStatus {
  std::string path{};
  std::string id{};  ///< Of this store, which is in the pods' records too; empty when it has none.
  std::uint64_t revision = 0;
  std::vector<HostProblem> problems{};  ///< Rows that are kept and cannot be read, a disk that takes nothing.
  std::string backup_path{};            ///< The newest copy; empty when there is none.
  std::optional<WallTime> backup_at{};

  bool operator==(const StoreStatus&) const = default;
};

/// One source of manifests.
struct SourceStatus {
  std::string name{};  ///< "directory:/etc/berth/manifests", "url:https://config.example/worker1.yaml"
  int files = 0;       ///< When it was last read whole.
  int objects = 0;
  std::optional<WallTime> read_at{};  ///< When it was last read whole; unset: never yet.
  std::string error{};                ///< Why it cannot be read now; what it made before stays.
  std::optional<WallTime> error_since{};
  std::vector<HostProblem> problems{};  ///< Of its files.

  bool operator==(const SourceStatus&) const = default;
};

/// Annotations of a Node by which a person decides: this with a stranger's uid, "adopt" or "remove". The agent takes
/// one away when it is carried out; a stranger that is still listed then says why.
constexpr std::string_view kStrangerOrder = "stranger.berth.io/";

/// A pod that runs here and has no object: nobody but a person may decide about it.
struct Stranger {
  std::string uid{};
  std::string ns{};
  std::string name{};
  std::string why{};  ///< Why it is not taken down: one sentence.

  bool operator==(const Stranger&) const = default;
};

struct DiskStatus {
  std::string path{};
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;  ///< That unprivileged users may still write, see statvfs(3).
  std::string error{};           ///< Why it could not be asked.

  bool operator==(const DiskStatus&) const = default;
};

struct HostStatus {
  std::string version{};  ///< Of the agent.
  std::string node{};
  std::optional<WallTime> started_at{};
  ContainerdStatus containerd{};
  StoreStatus store{};
  std::vector<SourceStatus> sources{};  ///< In the order of the configuration.
  std::vector<Stranger> strangers{};
  std::vector<HostProblem> logs{};     ///< Pods of which lines cannot be stored now.
  std::vector<HostProblem> cluster{};  ///< What is wrong with this host among others.
  std::vector<DiskStatus> disks{};     ///< stateDir first, then runDir.

  bool operator==(const HostStatus&) const = default;
};

/// As docs/operations.md shows it; times to the second. What is not known is left out. Pure.
json::object encode_host_status(const HostStatus& status);

/// The other way round, for clients: of another version, too, so what is not there is left as it is by default and
/// what is not known is skipped. InvalidArgument: not such a document. Pure.
Result<HostStatus> decode_host_status(const json::value& document);

}  // namespace berth::model
