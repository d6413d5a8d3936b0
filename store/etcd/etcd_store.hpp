// store/etcd/etcd_store.hpp - front door: objects that many hosts share, in an etcd.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "store/etcd/etcd_client.hpp"
#include "store/etcd/session_hooks.hpp"
#include "store/store.hpp"

namespace berth::store {

struct EtcdOptions {
  StoreLimits limits{};
  etcd::EtcdAccess access{};
  std::string prefix = "/berth";                  ///< Of all keys; another one is another store.
  std::string node{};                             ///< Who asks. No two processes at once may be the same one.
  std::string instance{};                         ///< Which agent of this host that is (its stateDir).
  std::string version{};                          ///< Of the program; said in the session.
  std::chrono::milliseconds open_within{10'000};  ///< For the first snapshot, from the last page of it that came.
  std::chrono::milliseconds lost_after{5'000};    ///< Followers hear on_lost when etcd was away for so long.
  std::chrono::milliseconds retry_first{100};     ///< Between tries to be in touch again; doubled ...
  std::chrono::milliseconds retry_most{2'000};    ///< ... up to this.
  std::chrono::milliseconds seen_within{10'000};  ///< What etcd took and is not seen here by then is DeadlineExceeded.
  std::chrono::seconds session_ttl{15};           ///< 5 to 60.
  std::chrono::seconds event_ttl{3'600};          ///< An Event is kept for so long at least.
  std::chrono::milliseconds keep{600'000};        ///< What was changed is kept for so long in etcd, then compacted.
  /// Where a copy of all objects but Events is kept, and beside it who the etcd's members are (members.json); empty:
  /// nowhere, and members are not asked for.
  std::filesystem::path copy{};
  std::function<bool(const model::ObjectKey&)> not_copied{};  ///< What else is not in it. May be empty.
  std::chrono::milliseconds copy_after{5'000};                ///< From a change to the copy that has it.
  std::chrono::milliseconds stand_in_after{3'000};            ///< Without a list for so long, the copy is opened.
  std::function<void(const StoreProblem&)> on_problem{};      ///< Once for each new one, on a thread of the store.
  etcd::SessionHooks sessions{};                              ///< Of every session of this store.
};

/// The contract of Store, on objects that others write too:
///
/// - A resourceVersion is etcd's mod revision. All objects of one transaction have the same.
/// - Reads are from memory: all objects are held, as of a moment a little ago. A write is judged by them, and etcd
/// makes
///   it only if that is how it was; else it is judged again when the newer state is here. So it is with a refusal.
/// - While etcd is away writes are answered Unavailable at once, reads and follow() go on with what is known, and
///   sessions end; when it is back all goes on from where it was, and nothing is missed.
/// - Where there is a copy, an etcd that does not answer within `stand_in_after` is away: the store opens with what the
///   copy has, `Identity::opened` is 0, and there are no sessions. When etcd answers, what it has takes the place of
///   all that (followers get a snapshot), and all is as ever. A copy of another etcd, prefix or node, or that cannot be
///   read, is not used, which is in problems(). See copy_file.hpp.
/// - What an etcd says that lost our mark, or went back in time, is not believed: see problems().
/// - open_session() and destroying a Session ask etcd and wait for it, 5 s at the most. A name that a process of this
///   node held which died, since the host was booted, is taken over. `Session::surely_alive` is the only promise.
///
/// Errors: Unavailable (no endpoint answers), DeadlineExceeded (not within `open_within`), DataLoss (another format, or
/// not ours), InvalidArgument (`access`), Unauthenticated, PermissionDenied, FailedPrecondition (berth-etcd.so is not
/// installed). Blocks until then.
Result<std::unique_ptr<Store>> open_etcd_store(EtcdOptions options);

namespace etcd {

class MemberKeeper;

/// The same on a client of the caller's, for tests. `members` is told by that client; null: nobody keeps them.
Result<std::unique_ptr<Store>> open_store_on(std::shared_ptr<EtcdClient> client, EtcdOptions options,
                                             std::shared_ptr<MemberKeeper> members = nullptr);

}  // namespace etcd

}  // namespace berth::store
