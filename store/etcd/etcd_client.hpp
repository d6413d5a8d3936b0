// store/etcd/etcd_client.hpp - etcd as the store speaks of it: keys, transactions, watches, leases; and who loads that.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/etcd/certificates.hpp"
#include "store/session.hpp"
#include "store/txn.hpp"

namespace berth::store::etcd {

using LeaseId = std::int64_t;

struct KeyValue {
  std::string key;
  std::string value;
  Revision created = 0;
  Revision modified = 0;
  LeaseId lease = 0;
};

/// [begin, end) in the order of bytes; an empty `end`: the one key `begin`.
struct KeyRange {
  std::string begin;
  std::string end;

  static KeyRange one(std::string key) { return {std::move(key), {}}; }
  /// All keys that begin with `prefix`.
  static KeyRange below(std::string prefix);
};

/// What must hold of every key of a range; of a key that is not there the numbers are 0.
struct Compare {
  enum class What { Created, Modified };
  KeyRange keys;
  What what = What::Modified;
  bool below = false;     ///< Less than `revision`; else equal to it.
  Revision revision = 0;  ///< How keys are told apart from their earlier and later states.
};

struct Op {
  enum class Type {
    Put,
    Remove,
    Get,    ///< What is there.
    Newest  ///< Only the key of the range that was written last, without its value.
  };
  Type type = Type::Get;
  KeyRange keys;  ///< Of Put and Remove: one.
  std::string value;
  LeaseId lease = 0;
};

struct TxnRequest {
  std::vector<Compare> conditions;
  std::vector<Op> then;
  std::vector<Op> otherwise;
};

struct TxnAnswer {
  bool succeeded = false;                    ///< `then` was done, else `otherwise`.
  Revision revision = 0;                     ///< Of etcd, after it.
  std::vector<std::vector<KeyValue>> found;  ///< For each operation; of Put and Remove it is empty.
};

struct RangeRequest {
  KeyRange keys;
  std::int64_t limit = 0;  ///< 0: all.
  Revision at = 0;         ///< As it was then; 0: now.
};

struct RangeAnswer {
  std::vector<KeyValue> found;  ///< By key.
  bool more = false;
  Revision revision = 0;  ///< Of etcd.
};

struct WatchEvent {
  bool removed = false;
  KeyValue now;  ///< Of what was removed: the key, and the revision that did it.
};

struct WatchBatch {
  std::vector<WatchEvent> events;  ///< By revision. Those of one revision are never in two batches.
  /// Nothing of the range happened up to here that was not told; 0: not said. Only where there are no events.
  Revision nothing_until = 0;
};

struct LeaseGranted {
  LeaseId id = 0;
  std::chrono::seconds ttl{0};
  BootClock::time_point sent;  ///< When it was asked for: the time to live cannot have begun before.
};

struct LeaseKept {
  std::chrono::seconds ttl{0};  ///< From when etcd took the question; 0: there is no such lease any more.
  BootClock::time_point sent;
};

struct EtcdStatus {
  std::string version;
  std::int64_t size = 0;            ///< Of its file, in bytes.
  std::vector<std::string> alarms;  ///< As it words them.
};

/// Runs once, on a thread of the client: post to your own, do not block.
template <typename T>
using Answer = std::function<void(Result<T>)>;

/// A watch that is told of; destroying it ends it: its callbacks will not run any more.
class EtcdWatch {
 public:
  virtual ~EtcdWatch() = default;
};

/// What talks to etcd: chooses an endpoint, goes to the next when that fails, sees to TLS, passwords and deadlines.
/// Three kinds of traffic have a connection each, so that none waits behind another: requests, watches, leases; when
/// one finds its member silent, the others that are with it ask it for a word. Each connection is made with the
/// certificates that are in the files then.
///
/// Errors: Unavailable (no endpoint answers, at once while none did: it did not happen), DeadlineExceeded (may or may
/// not have happened), OutOfRange (the revision is compacted; or the request is larger than etcd takes),
/// ResourceExhausted (etcd's quota), Unauthenticated, PermissionDenied, InvalidArgument. The text says what was asked,
/// of which endpoint, and what etcd said. Any thread; not from its own callbacks where it blocks.
class EtcdClient {
 public:
  /// Ends what is under way with Cancelled. Blocks until no callback runs.
  virtual ~EtcdClient() = default;

  virtual void txn(TxnRequest request, Answer<TxnAnswer> answer) = 0;
  /// What every majority agrees on, never an old state.
  virtual void range(RangeRequest request, Answer<RangeAnswer> answer) = 0;
  virtual void compact(Revision revision, Answer<Ok> answer) = 0;
  virtual void status(Answer<EtcdStatus> answer) = 0;

  /// Tells what happens to `keys` at `from` and later, in order and without gaps. `on_begin`: etcd took it. `on_end`
  /// comes last, once: OutOfRange (`from` is compacted: list again), else the connection: watch on from where it ended.
  virtual std::unique_ptr<EtcdWatch> watch(KeyRange keys, Revision from, std::function<void()> on_begin,
                                           std::function<void(WatchBatch)> on_batch,
                                           std::function<void(Error)> on_end) = 0;

  virtual void grant(std::chrono::seconds ttl, Answer<LeaseGranted> answer) = 0;
  virtual void keep(LeaseId lease, Answer<LeaseKept> answer) = 0;
  /// Removes the lease and its keys.
  virtual void revoke(LeaseId lease, Answer<Ok> answer) = 0;
};

/// How etcd is reached.
struct EtcdAccess {
  std::vector<std::string> endpoints{};  ///< "https://10.0.0.1:2379", "http://..."; without a scheme it is http.
  std::vector<std::string>
      watch_endpoints{};  ///< For watches only, empty: the same. How tests delay one and not the other.
  std::vector<std::string> lease_endpoints{};
  std::vector<std::string> members{};  ///< Told by on_members before: used after `endpoints`.
  /// What the etcd says of its members, as far as it is not in `endpoints` and can be used (member_endpoints()), when
  /// that changed. They are used at once. Asked of it with each connection, and each minute with a lease that is kept.
  /// On a thread of the client: do not block. Empty: nobody asks.
  std::function<void(std::vector<std::string>)> on_members{};
  std::filesystem::path ca_file{};    ///< Whose servers are believed; empty: those of the host's CAs.
  std::filesystem::path cert_file{};  ///< Who we are, PEM; empty: nobody.
  std::filesystem::path key_file{};
  std::string user{};  ///< Empty: no password is sent.
  std::string password{};
  std::chrono::milliseconds deadline{5'000};  ///< Of one request.
  std::chrono::milliseconds ping{10'000};     ///< A watch that hears nothing asks whether the other end is there.
};

/// What berth-etcd.so, see base/module.hpp, has at "berth_etcd_module": HTTP/2, TLS, certificates and etcd's messages,
/// which a host without etcd does not load.
struct EtcdModule {
  /// InvalidArgument: an endpoint or a file of `access`. Does not wait for a connection.
  Result<std::unique_ptr<EtcdClient>> (*open)(EtcdAccess access);
  /// Of each in a file, PEM, 64 at the most; `authority` is a CA, or empty. DataLoss: there is none, or it is none.
  Result<std::vector<CertificateFacts>> (*read_certificates)(const std::string& pem, const std::string& authority);
  /// The first of `pem` once more, and the CA's behind it: the same key, names and purposes, signed anew, from now on
  /// for as long as it was; never longer than its CA. FailedPrecondition: the CA did not sign it, or ends itself;
  /// DataLoss: what cannot be read.
  Result<std::string> (*renew_certificate)(const std::string& pem, const CertificateAuthority& authority, WallTime now);
};

/// FailedPrecondition: not installed. Any thread.
Result<const EtcdModule*> etcd_module();

}  // namespace berth::store::etcd
