// agent/objects/store_writer.hpp - writes to the store from the loop: answers come back to the loop, races are retried.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Loop thread only. `done` may be empty; it runs on the loop, and not at all once the writer is destroyed. It runs
/// once: an answer that does not come counts as DeadlineExceeded after kAnswerDeadline, and is not heard afterwards.
/// The write may be carried out yet; one that does so late changes nothing that was written meanwhile, as each is made
/// for one revision of its object.
class StoreWriter {
 public:
  using Done = std::function<void(const Status&)>;
  static constexpr std::chrono::seconds kAnswerDeadline{60};

  StoreWriter(Loop& loop, store::Store& store, const Clock& clock) : loop_(loop), store_(store), clock_(clock) {}
  ~StoreWriter() { *alive_ = false; }
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  /// Expands metadata.generateName, defaults and creates. AlreadyExists is left to the caller.
  void create(json::object raw, Durability durability, Done done);

  /// Reads the object, lets `change` edit its JSON and writes it back; again when somebody else was faster (a few
  /// times). `change` returns false for "leave it". Only while its uid is `uid`, unless that is empty.
  void modify(const model::ObjectKey& key, const std::string& uid, Durability durability,
              std::function<bool(json::object&)> change, Done done);

  /// One part of a transaction: adds what it has to write, and what must hold meanwhile, by what is stored now. An
  /// error ends the transaction; nothing is written then. May be asked more than once.
  using Draft = std::function<Status(store::Txn&)>;
  /// As create(), with one difference: when it `may_exist` and does, there is nothing to write.
  Draft creating(json::object raw, bool may_exist) const;
  /// As modify(); what `change` leaves as it is has to be so still when the rest is written. Its error ends the
  /// transaction.
  Draft modifying(const model::ObjectKey& key, const std::string& uid,
                  std::function<Result<bool>(json::object&)> change) const;
  /// Makes all of them, or none; all anew when somebody else was faster (a few times).
  void commit(std::vector<Draft> drafts, Durability durability, Done done);

  /// Begins a graceful deletion: metadata.deletionTimestamp and, for pods, the grace period.
  void mark_deleted(const model::ObjectKey& key, const std::string& uid, std::optional<std::int64_t> grace_seconds,
                    Done done);

  /// Only while its uid is `uid`, unless that is empty. Gone is success. Aborted: another one of its name is there,
  /// which we did not know; to be asked again.
  void remove(const model::ObjectKey& key, const std::string& uid, Done done);

  /// Deletes as the API does in the background: what the agent ends, or a finalizer holds, is marked; the rest is
  /// removed. Only while its uid is `uid`, unless that is empty. Gone is success.
  void delete_object(const model::ObjectKey& key, const std::string& uid, Done done);

  /// Takes one finalizer away. With the last one an object goes that is being deleted, unless the agent ends its kind.
  void drop_finalizer(const model::ObjectKey& key, const std::string& uid, std::string_view finalizer, Done done);

  /// Is an object of that name stored, and is it the one with `uid` (any, when that is empty)? Asks the store, not a
  /// decoded copy: an object that does not decode is there all the same.
  bool exists(const model::ObjectKey& key, const std::string& uid) const;

  /// How many writes have no answer yet.
  std::size_t waiting() const { return waiting_.size(); }
  /// Gives up the answers that are too late. A timer calls it; tests may.
  void give_up_waiting();

 private:
  struct Waiting {
    Done done;
    SteadyTime since;
  };

  void try_delete(const model::ObjectKey& key, const std::string& uid, std::string finalizer, Done done,
                  int tries_left);
  void try_commit(const std::shared_ptr<const std::vector<Draft>>& drafts, Durability durability, Done done,
                  int tries_left);
  auto answer(Done done);
  void answered(std::uint64_t number, const Status& status);
  void watch_answers();

  Loop& loop_;
  store::Store& store_;
  const Clock& clock_;
  std::map<std::uint64_t, Waiting> waiting_;  ///< By number, so the oldest is the first.
  std::uint64_t last_number_ = 0;
  std::unique_ptr<LoopHandle> deadline_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
