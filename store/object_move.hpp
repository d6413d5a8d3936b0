// store/object_move.hpp - front door: all objects of one host into an etcd, and back, as they are.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/etcd/etcd_client.hpp"
#include "store/store.hpp"

namespace berth::store {

/// What of one store goes into another.
struct MovePlan {
  std::vector<model::Object> write;
  std::size_t there = 0;                ///< That very object, by its uid: an earlier try brought it.
  std::vector<std::string> collisions;  ///< "Service default/web: another one has that name".
};

/// Objects keep uid, times, generation and status. What every host makes for itself (the first namespaces and classes,
/// Service default/kubernetes, a namespace's ConfigMap kube-root-ca.crt), where it is there already, and Events, which
/// are kept for an hour, are left out. A Service whose address another one has there, or a port of the node, collides.
/// A Node that comes to others gets its block of pods' addresses anew. Pure.
MovePlan plan_move(std::vector<model::Object> from, const std::vector<model::Object>& into);

struct Moved {
  MovePlan plan;                     ///< `write` is what was written; nothing when there are collisions.
  std::vector<StoreProblem> unread;  ///< Rows that this version does not read: they stay in `old`.
  std::filesystem::path old;         ///< Where the SQLite file is kept from now on; empty: there was none.
};

/// Moves what the SQLite file at `file` has into the etcd, while no agent runs on it; the file is then kept under
/// another name. No file: nothing to move. May be called again after it broke off. Errors as of open_sqlite_store() and
/// open_etcd_store(). Blocks.
Result<Moved> move_into_etcd(const std::filesystem::path& file, const etcd::EtcdAccess& access,
                             const std::string& prefix);

/// The other way round: `file` is made anew, with all objects of the etcd, which stay there. One that is there already
/// is kept under another name first. `node`: for whom.
Result<Moved> move_into_sqlite(const std::filesystem::path& file, const etcd::EtcdAccess& access,
                               const std::string& prefix, const std::string& node, const std::string& version);

}  // namespace berth::store
