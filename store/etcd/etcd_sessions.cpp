// store/etcd/etcd_sessions.cpp - see etcd_sessions.hpp.
#include "store/etcd/etcd_sessions.hpp"

#include <fmt/format.h>

#include <fstream>
#include <future>
#include <utility>

#include "base/clock.hpp"
#include "base/scope_exit.hpp"
#include "model/meta.hpp"

namespace berth::store::etcd {
namespace {

/// Others took the name and gave it back between our look and our write, so often at the most.
constexpr int kTries = 3;

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

/// Asks and waits; not on a thread of the store or of the client.
template <typename T, typename Ask>
Result<T> await(Ask ask) {
  const auto promise = std::make_shared<std::promise<Result<T>>>();
  auto answer = promise->get_future();
  ask([promise](Result<T> result) { promise->set_value(std::move(result)); });
  return answer.get();
}

}  // namespace

EtcdSessions::EtcdSessions(std::shared_ptr<EtcdClient> client, const EtcdKeys& keys, Options options)
    : client_(std::move(client)), keys_(keys), options_(std::move(options)) {}

Result<std::unique_ptr<Session>> EtcdSessions::open(std::string name, std::function<void()> on_lost) {
  const auto doing = "open session " + name;
  {
    const std::scoped_lock lock(mutex_);
    const auto held = sessions_.find(name);
    const auto state = held == sessions_.end() ? nullptr : held->second.lock();
    if ((state != nullptr && !session_is_over(state)) || !opening_.emplace(name, KeyTold{}).second) {
      return Error(ErrorCode::AlreadyExists, doing + ": another one holds that name");
    }
  }
  const ScopeExit opened([&] {
    const std::scoped_lock lock(mutex_);
    opening_.erase(name);
  });
  auto lease = await<LeaseGranted>([&](auto answer) { client_->grant(options_.ttl, std::move(answer)); });
  if (!lease) return lease.error().context(doing);
  auto written = write_key(name, lease->id);
  if (!written) {
    client_->revoke(lease->id, [](const Result<Ok>&) {});
    return written.error().context(doing);
  }
  auto session =
      std::make_unique<EtcdSession>(client_, SessionStart{name, *lease, *written, std::move(on_lost), options_.hooks});
  const std::scoped_lock lock(mutex_);
  sessions_[name] = session->state();
  // Its key may be another one's by now.
  const auto& told = opening_.at(name);
  session_key_is(session->state(), told.lease, told.revision);
  return std::unique_ptr<Session>(std::move(session));
}

void EtcdSessions::key_is(const std::string& name, LeaseId lease, Revision revision) {
  const std::scoped_lock lock(mutex_);
  if (const auto opening = opening_.find(name); opening != opening_.end()) opening->second = {lease, revision};
  const auto held = sessions_.find(name);
  if (held == sessions_.end()) return;
  if (const auto session = held->second.lock()) {
    session_key_is(session, lease, revision);
  } else {
    sessions_.erase(held);
  }
}

/// Makes the key of a session if nobody has it, or if we had it before we were started anew.
Result<Revision> EtcdSessions::write_key(const std::string& name, LeaseId lease) {
  const auto holder = options_.node.empty() ? model::new_uid() : options_.node + " " + boot_id() + options_.instance;
  const json::object value{{"holder", holder},
                           {"node", options_.node},
                           {"version", options_.version},
                           {"since", format_rfc3339(SystemClock().wall())}};
  const auto key = KeyRange::one(keys_.session(name));
  Revision replaced = 0;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    TxnRequest request;
    request.conditions.push_back({key, Compare::What::Modified, /*below=*/false, replaced});
    request.then.push_back({Op::Type::Put, key, json::serialize(value), lease});
    request.otherwise.push_back({Op::Type::Get, key, {}, 0});
    auto written = await<TxnAnswer>([&](auto answer) { client_->txn(std::move(request), std::move(answer)); });
    if (!written) return std::move(written).error();
    if (written->succeeded) return written->revision;
    replaced = 0;
    if (written->found.empty() || written->found.front().empty()) continue;  // gone meanwhile
    const auto& other = written->found.front().front();
    const auto said = parse_json(other.value);
    if (said && find_string(*said, {"holder"}) == holder) {
      replaced = other.modified;
      continue;
    }
    return Error(ErrorCode::AlreadyExists, fmt::format("another one holds that name: {} since {}",
                                                       said ? find_string(*said, {"holder"}, "unknown") : "unknown",
                                                       said ? find_string(*said, {"since"}, "unknown") : "unknown"));
  }
  return Error(ErrorCode::Aborted, "others take it again and again");
}

}  // namespace berth::store::etcd
