// agent/agent_store.cpp - see agent_store.hpp.
#include "agent/agent_store.hpp"

#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "agent/agent.hpp"
#include "base/atomic_file.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

// Of each kind. Enough for a watch that reconnects. One that was away for longer lists again, which costs less than a
// long memory: each entry holds a whole object, a pod 10 KB.
constexpr std::size_t kStoreHistory = 32;

/// What a person can do when the store does not open, or is not the one that was here.
std::string advice(const Config& config) {
  const auto file = store_file(config).string();
  std::error_code error;
  auto text = "no container was touched; to begin without it, move " + file + " away: pods that run go on running";
  if (std::filesystem::exists(copy_file(config), error)) {
    text += fmt::format("; to use the last copy, stop berthd and run: mv {0} {0}.bad; rm -f {0}-wal; cp -p {1} {0}",
                        file, copy_file(config).string());
  }
  return text;
}

constexpr std::size_t kMaxPassword = 1024;

void say(const store::StoreProblem& problem) {
  log(LogLevel::Warning, "the store needs somebody", {{"what", problem.what}, {"why", problem.reason}});
}

/// Of an etcd: below a directory that is root's alone.
std::filesystem::path etcd_copy_file(const Config& config) { return config.state_dir / "etcd-copy" / "objects.db"; }

/// What lets others into the cluster is of no use to a host that starts: the CA's key and bootstrap tokens.
bool is_for_no_start(const model::ObjectKey& key) {
  return key.kind == model::Kind::Secret && key.ns == "kube-system" &&
         (key.name == "berth-ca" || key.name.starts_with("bootstrap-token-"));
}

Result<std::unique_ptr<store::Store>> open_etcd(const Config& config, store::etcd::SessionHooks hooks) {
  auto access = etcd_access(config);
  if (!access) return access.error();
  store::EtcdOptions options;
  options.limits = store_limits(config);
  options.access = *std::move(access);
  options.prefix = config.etcd->prefix;
  options.node = config.node_name;
  options.instance = config.state_dir;
  options.version = BERTH_VERSION;
  options.copy = etcd_copy_file(config);
  options.not_copied = is_for_no_start;
  options.on_problem = say;
  options.sessions = std::move(hooks);
  auto store = store::open_etcd_store(std::move(options));
  if (!store) return store.error().context("open the store, " + store_place(config));
  return store;
}

}  // namespace

std::string store_place(const Config& config) {
  if (!config.etcd) return store_file(config).string();
  return fmt::format("etcd {}{}", fmt::join(config.etcd->endpoints, ","), config.etcd->prefix);
}

std::filesystem::path store_file(const Config& config) { return config.state_dir / "berth.db"; }

std::filesystem::path copy_file(const Config& config) { return config.state_dir / "berth.db.backup"; }

store::StoreLimits store_limits(const Config& config) {
  store::StoreLimits limits;
  limits.history = kStoreHistory;
  limits.complete = model::service_completion(config.service_range());
  return limits;
}

Result<store::etcd::EtcdAccess> etcd_access(const Config& config) {
  store::etcd::EtcdAccess access{.endpoints = config.etcd->endpoints,
                                 .ca_file = config.etcd->ca_file,
                                 .cert_file = config.etcd->cert_file,
                                 .key_file = config.etcd->key_file,
                                 .user = config.etcd->user};
  if (config.etcd->password_file.empty()) return access;
  auto password = read_file(config.etcd->password_file, kMaxPassword);
  if (!password) return password.error().context("read the password of store.etcd");
  while (password->ends_with('\n')) password->pop_back();
  access.password = *std::move(password);
  return access;
}

Result<std::unique_ptr<store::Store>> open_store(const Config& config, store::etcd::SessionHooks hooks) {
  if (config.etcd) return open_etcd(config, std::move(hooks));
  // A host that left a cluster keeps none of its Secrets.
  std::error_code ignored;
  std::filesystem::remove_all(etcd_copy_file(config).parent_path(), ignored);
  store::SqliteOptions options;
  options.limits = store_limits(config);
  options.node = config.node_name;
  options.version = BERTH_VERSION;
  options.copy = copy_file(config);
  options.on_problem = say;
  auto store = store::open_sqlite_store(store_file(config), std::move(options));
  if (!store) {
    auto error = std::move(store).error().context("open the store");
    if (error.code() != ErrorCode::DataLoss) return error;
    return Error(error.code(), error.message() + "; " + advice(config));
  }
  const auto identity = (*store)->identity();
  std::error_code none;
  if (identity.made_now && std::filesystem::exists(copy_file(config), none)) {
    log(LogLevel::Warning, "the store was missing or empty and is new now", {{"advice", advice(config)}});
  } else if (identity.node != config.node_name) {
    log(LogLevel::Warning, "the store was made for another node", {{"node", identity.node}});
  }
  return store;
}

}  // namespace berth::agent
