// agent/agent_store.hpp - where this agent's objects are, and what a person can do when they are not as they were.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "agent/config.hpp"
#include "base/result.hpp"
#include "store/etcd/etcd_store.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// The newest copy of the store, when there is one.
std::filesystem::path copy_file(const Config& config);

/// What is asked of each write.
store::StoreLimits store_limits(const Config& config);

/// "/var/lib/berth/berth.db", or "etcd https://10.0.0.1:2379/berth": for people.
std::string store_place(const Config& config);

/// How `config.etcd`, which is there, is reached. Errors: its passwordFile cannot be read.
Result<store::etcd::EtcdAccess> etcd_access(const Config& config);

/// Errors: as of store::open_sqlite_store() and store::open_etcd_store(); one for a store that is damaged says what can
/// be done. A file that is new though there was another, or another node's, is opened, and the journal says so. `hooks`
/// are of an etcd's sessions.
Result<std::unique_ptr<store::Store>> open_store(const Config& config, store::etcd::SessionHooks hooks = {});

}  // namespace berth::agent
