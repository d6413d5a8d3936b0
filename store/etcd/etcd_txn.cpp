// store/etcd/etcd_txn.cpp - see etcd_txn.hpp.
#include "store/etcd/etcd_txn.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace berth::store::etcd {

using model::Kind;
using model::ObjectKey;

bool Behind::caught_up(const Knowledge& known) const {
  return known.seen >= seen && std::all_of(gone.begin(), gone.end(), [&](const auto& state) {
           return known.revision_of(state.first) != state.second;
         });
}

std::set<ObjectKey> keys_of(const Txn& txn) {
  std::set<ObjectKey> keys;
  for (const auto& condition : txn.conditions) keys.insert(condition.key);
  for (const auto& write : txn.writes) keys.insert(write.key);
  return keys;
}

TxnPlan plan_txn(const EtcdKeys& at, const std::set<ObjectKey>& keys, const Reads& reads,
                 const std::vector<Staged>& staged, const Knowledge& known, LeaseId event_lease) {
  TxnPlan plan;
  auto& request = plan.request;
  const auto newest = [&](KeyRange range) { request.otherwise.push_back({Op::Type::Newest, std::move(range), {}, 0}); };
  auto looked_at = keys;
  looked_at.insert(reads.keys.begin(), reads.keys.end());
  for (const auto& key : looked_at) {
    const auto range = KeyRange::one(at.object(key));
    const auto revision = known.revision_of(key);
    request.conditions.push_back({range, Compare::What::Modified, /*below=*/false, revision});
    plan.assumed.emplace_back(key, revision);
    newest(range);
  }
  for (const auto& [kind, ns] : reads.lists) {
    const auto range = at.objects_of(kind, ns);
    const auto what = kind == Kind::Pod ? Compare::What::Created : Compare::What::Modified;
    request.conditions.push_back({range, what, /*below=*/true, known.seen + 1});
    newest(range);
  }
  // etcd takes each key once: of several writes to one the last state counts. It tells them in this order.
  std::map<ObjectKey, const Staged*> last;
  for (const auto& each : staged) {
    if (!each.no_op) last[each.change.object->key()] = &each;
  }
  for (const auto& each : staged) {
    const auto key = each.change.object->key();
    if (each.no_op || last[key] != &each) continue;
    const bool removed = each.change.type == ChangeType::Deleted;
    // One that was made and removed within the transaction was never there.
    if (removed && known.revision_of(key) == 0) continue;
    request.then.push_back({removed ? Op::Type::Remove : Op::Type::Put, KeyRange::one(at.object(key)),
                            removed ? std::string() : object_text(*each.change.object),
                            !removed && key.kind == Kind::Event ? event_lease : 0});
  }
  return plan;
}

Status fits(const TxnPlan& plan) {
  const auto& request = plan.request;
  const auto most = std::max(request.conditions.size(), request.then.size());
  if (most > kMaxOps) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("{} keys in one transaction: etcd takes {} (--max-txn-ops)", most, kMaxOps));
  }
  constexpr std::size_t kOverhead = 64;  // Of each part: tags, lengths, numbers.
  std::size_t bytes = 1024;
  const auto add = [&](const KeyRange& keys, std::size_t value) {
    bytes += kOverhead + keys.begin.size() + keys.end.size() + value;
  };
  for (const auto& condition : request.conditions) add(condition.keys, 0);
  for (const auto& op : request.then) add(op.keys, op.value.size());
  for (const auto& op : request.otherwise) add(op.keys, 0);
  if (bytes > kMaxBytes) {
    return Error(ErrorCode::OutOfRange,
                 fmt::format("{} bytes in one request: etcd takes {} (--max-request-bytes)", bytes, kMaxBytes));
  }
  return Ok{};
}

Behind behind(const TxnPlan& plan, const TxnAnswer& answer) {
  Behind behind;
  for (std::size_t i = 0; i < answer.found.size(); ++i) {
    for (const auto& found : answer.found[i]) behind.seen = std::max(behind.seen, found.modified);
    if (i < plan.assumed.size() && answer.found[i].empty() && plan.assumed[i].second != 0) {
      behind.gone.push_back(plan.assumed[i]);
    }
  }
  return behind;
}

}  // namespace berth::store::etcd
