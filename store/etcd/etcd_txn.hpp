// store/etcd/etcd_txn.hpp - a transaction that was worked out here, as one that etcd makes only if nothing changed.
// Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/draft.hpp"
#include "store/etcd/etcd_client.hpp"
#include "store/etcd/etcd_keys.hpp"

namespace berth::store::etcd {

/// What etcd takes in one request unless it is told otherwise: --max-txn-ops, --max-request-bytes.
constexpr std::size_t kMaxOps = 128;
constexpr std::size_t kMaxBytes = 1536 * 1024;

/// What is known here of etcd.
struct Knowledge {
  /// The mod revision of a key; 0 when it is not there.
  std::function<Revision(const model::ObjectKey&)> revision_of;
  Revision seen = 0;  ///< Everything up to here is known.
};

/// A transaction, and what it takes for granted.
struct TxnPlan {
  TxnRequest request;
  std::vector<std::pair<model::ObjectKey, Revision>> assumed;  ///< Of the first conditions; the others are of lists.
};

/// Why etcd did not make it: what has to be known here before it is judged again.
struct Behind {
  Revision seen = 0;                                        ///< At least up to here.
  std::vector<std::pair<model::ObjectKey, Revision>> gone;  ///< These states were replaced by nothing.

  bool caught_up(const Knowledge& known) const;
};

/// The keys that `txn` speaks of.
std::set<model::ObjectKey> keys_of(const Txn& txn);

/// `staged` happens if all that it was judged by is still so: every key of the transaction (`keys`) and every one that
/// admission looked at is as it is known here, and of the lists that admission went through nothing is newer than what
/// is known. A pod counts for those from its creation on, so its status may change meanwhile.
/// Without writes it is a question: was it judged by the truth? `event_lease` is what Events are kept by.
TxnPlan plan_txn(const EtcdKeys& at, const std::set<model::ObjectKey>& keys, const Reads& reads,
                 const std::vector<Staged>& staged, const Knowledge& known, LeaseId event_lease);

/// OutOfRange, InvalidArgument: more than etcd takes.
Status fits(const TxnPlan& plan);

/// From the answer to a plan that did not happen.
Behind behind(const TxnPlan& plan, const TxnAnswer& answer);

}  // namespace berth::store::etcd
