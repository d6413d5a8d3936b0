// tests/fakes/fake_etcd.cpp - see fake_etcd.hpp.
#include "tests/fakes/fake_etcd.hpp"

#include <algorithm>
#include <utility>

namespace berth::store::etcd {

using Lock = std::scoped_lock<std::mutex>;

struct FakeEtcd::FakeWatch {
  KeyRange keys;
  Revision next = 0;
  std::recursive_mutex mutex;
  bool wanted = true;
  std::function<void()> on_begin;
  std::function<void(WatchBatch)> on_batch;
  std::function<void(Error)> on_end;

  bool covers(const std::string& key) const {
    return keys.end.empty() ? key == keys.begin : key >= keys.begin && key < keys.end;
  }
};

class FakeEtcd::Handle final : public EtcdWatch {
 public:
  explicit Handle(std::shared_ptr<FakeWatch> watch) : watch_(std::move(watch)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() override {
    const std::scoped_lock lock(watch_->mutex);
    watch_->wanted = false;
  }

 private:
  std::shared_ptr<FakeWatch> watch_;
};

class FakeEtcd::Client final : public EtcdClient {
 public:
  explicit Client(FakeEtcd& etcd) : etcd_(etcd) {}

  void txn(TxnRequest request, Answer<TxnAnswer> answer) override {
    auto result = made(request);
    etcd_.run(Kind::Requests, [result, answer = std::move(answer)] { answer(result); });
  }
  void range(RangeRequest request, Answer<RangeAnswer> answer) override {
    auto result = read(request);
    etcd_.run(Kind::Requests, [result, answer = std::move(answer)] { answer(result); });
  }
  void compact(Revision revision, Answer<Ok> answer) override {
    etcd_.compact(revision);
    etcd_.run(Kind::Requests, [answer = std::move(answer)] { answer(Ok{}); });
  }
  void status(Answer<EtcdStatus> answer) override {
    const std::scoped_lock lock(etcd_.mutex_);
    etcd_.run(Kind::Requests, [answer = std::move(answer), alarms = etcd_.alarms_] {
      answer(EtcdStatus{.version = "fake", .size = 0, .alarms = alarms});
    });
  }

  std::unique_ptr<EtcdWatch> watch(KeyRange keys, Revision from, std::function<void()> on_begin,
                                   std::function<void(WatchBatch)> on_batch,
                                   std::function<void(Error)> on_end) override {
    auto watch = std::make_shared<FakeWatch>();
    watch->keys = std::move(keys);
    watch->next = from;
    watch->on_begin = std::move(on_begin);
    watch->on_batch = std::move(on_batch);
    watch->on_end = std::move(on_end);
    const Lock lock(etcd_.mutex_);
    std::optional<Error> refused;
    if (etcd_.away_) refused = Error(ErrorCode::Unavailable, "fake: away");
    if (!etcd_.away_ && from <= etcd_.compacted_) refused = Error(ErrorCode::OutOfRange, "fake: compacted");
    etcd_.run(Kind::Watches, [watch, refused] {
      const std::scoped_lock call(watch->mutex);
      if (!watch->wanted) return;
      if (refused) return watch->on_end(*refused);
      watch->on_begin();
    });
    if (!refused) {
      etcd_.watches_.push_back(watch);
      etcd_.tell(from);
    }
    return std::make_unique<Handle>(std::move(watch));
  }

  void grant(std::chrono::seconds ttl, Answer<LeaseGranted> answer) override {
    const auto sent = BootClock::now();
    Result<LeaseGranted> result = Error(ErrorCode::Unavailable, "fake: away");
    {
      const Lock lock(etcd_.mutex_);
      if (!etcd_.away_) {
        result = LeaseGranted{++etcd_.last_lease_, ttl, sent};
        etcd_.leases_[etcd_.last_lease_] = ttl;
      }
    }
    etcd_.run(Kind::Leases, [result, answer = std::move(answer)] { answer(result); });
  }
  void keep(LeaseId lease, Answer<LeaseKept> answer) override {
    const auto sent = BootClock::now();
    Result<LeaseKept> result = Error(ErrorCode::Unavailable, "fake: away");
    {
      const Lock lock(etcd_.mutex_);
      const auto found = etcd_.leases_.find(lease);
      if (!etcd_.away_)
        result = LeaseKept{found == etcd_.leases_.end() ? std::chrono::seconds{0} : found->second, sent};
    }
    etcd_.run(Kind::Leases, [result, answer = std::move(answer)] { answer(result); });
  }
  void revoke(LeaseId lease, Answer<Ok> answer) override {
    etcd_.expire(lease);
    etcd_.run(Kind::Leases, [answer = std::move(answer)] { answer(Ok{}); });
  }

 private:
  Result<TxnAnswer> made(const TxnRequest& request) {
    std::function<void()> before;
    {
      const Lock lock(etcd_.mutex_);
      if (!request.then.empty()) before = std::exchange(etcd_.before_next_, {});
    }
    if (before) before();
    const Lock lock(etcd_.mutex_);
    if (etcd_.away_) return Error(ErrorCode::Unavailable, "fake: away");
    for (const auto& op : request.then) {
      if (op.lease != 0 && !etcd_.leases_.contains(op.lease)) {
        return Error(ErrorCode::NotFound, "etcdserver: requested lease not found");
      }
    }
    if (!request.then.empty() && etcd_.fail_next_) {
      const auto [error, happens] = *std::exchange(etcd_.fail_next_, std::nullopt);
      if (happens) etcd_.make(request);
      return error;
    }
    return etcd_.make(request);
  }

  Result<RangeAnswer> read(const RangeRequest& request) {
    const Lock lock(etcd_.mutex_);
    if (etcd_.away_) return Error(ErrorCode::Unavailable, "fake: away");
    RangeAnswer answer;
    answer.revision = etcd_.revision_;
    if (request.at != 0 && request.at < etcd_.compacted_) return Error(ErrorCode::OutOfRange, "fake: compacted");
    for (const auto* kv : etcd_.in(request.keys)) {
      if (request.limit != 0 && answer.found.size() == static_cast<std::size_t>(request.limit)) {
        answer.more = true;
        break;
      }
      answer.found.push_back(*kv);
    }
    return answer;
  }

  FakeEtcd& etcd_;
};

FakeEtcd::FakeEtcd() {
  lanes_[Kind::Requests] = make_thread_lane("fake-kv", 1);
  lanes_[Kind::Watches] = make_thread_lane("fake-watch", 1);
  lanes_[Kind::Leases] = make_thread_lane("fake-lease", 1);
}

FakeEtcd::~FakeEtcd() { lanes_.clear(); }

std::shared_ptr<EtcdClient> FakeEtcd::client() { return std::make_shared<Client>(*this); }

void FakeEtcd::run(Kind kind, std::function<void()> job) {
  const Lock lock(order_);
  if (held_[kind]) {
    waiting_[kind].push_back(std::move(job));
  } else {
    lanes_.at(kind)->run(std::move(job));
  }
}

std::vector<const KeyValue*> FakeEtcd::in(const KeyRange& range) const {
  std::vector<const KeyValue*> found;
  if (range.end.empty()) {
    if (const auto one = keys_.find(range.begin); one != keys_.end()) found.push_back(&one->second);
    return found;
  }
  for (auto each = keys_.lower_bound(range.begin); each != keys_.end() && each->first < range.end; ++each) {
    found.push_back(&each->second);
  }
  return found;
}

bool FakeEtcd::holds(const Compare& compare) const {
  const auto is_so = [&](const KeyValue& kv) {
    const auto number = compare.what == Compare::What::Created ? kv.created : kv.modified;
    return compare.below ? number < compare.revision : number == compare.revision;
  };
  const auto found = in(compare.keys);
  if (found.empty()) return is_so({});
  return std::all_of(found.begin(), found.end(), [&](const auto* kv) { return is_so(*kv); });
}

void FakeEtcd::write(const std::string& key, std::optional<std::string> value, LeaseId lease, Revision revision) {
  if (value) {
    auto& kv = keys_[key];
    kv.key = key;
    kv.value = *std::move(value);
    if (kv.created == 0) kv.created = revision;
    kv.modified = revision;
    kv.lease = lease;
    history_.push_back({false, kv});
  } else if (keys_.erase(key) != 0) {
    KeyValue gone;
    gone.key = key;
    gone.modified = revision;
    history_.push_back({true, std::move(gone)});
  }
}

TxnAnswer FakeEtcd::make(const TxnRequest& request) {
  ++transactions_;
  TxnAnswer answer;
  answer.succeeded =
      std::all_of(request.conditions.begin(), request.conditions.end(), [&](const auto& each) { return holds(each); });
  const auto before = history_.size();
  for (const auto& op : answer.succeeded ? request.then : request.otherwise) {
    auto& found = answer.found.emplace_back();
    switch (op.type) {
      case Op::Type::Put: write(op.keys.begin, op.value, op.lease, revision_ + 1); break;
      case Op::Type::Remove: write(op.keys.begin, std::nullopt, 0, revision_ + 1); break;
      case Op::Type::Get:
        for (const auto* kv : in(op.keys)) found.push_back(*kv);
        break;
      case Op::Type::Newest: {
        const auto all = in(op.keys);
        const auto newest = std::max_element(all.begin(), all.end(),
                                             [](const auto* a, const auto* b) { return a->modified < b->modified; });
        if (newest != all.end()) found.push_back(**newest);
        break;
      }
    }
  }
  if (history_.size() != before) tell(++revision_);
  answer.revision = revision_;
  return answer;
}

void FakeEtcd::tell(Revision from) {
  std::vector<std::weak_ptr<FakeWatch>> living;
  for (const auto& weak : watches_) {
    const auto watch = weak.lock();
    if (watch == nullptr) continue;
    living.push_back(weak);
    WatchBatch batch;
    for (const auto& event : history_) {
      if (event.now.modified >= std::max(from, watch->next) && watch->covers(event.now.key))
        batch.events.push_back(event);
    }
    if (batch.events.empty()) continue;
    watch->next = batch.events.back().now.modified + 1;
    run(Kind::Watches, [watch, batch = std::move(batch)] {
      const std::scoped_lock call(watch->mutex);
      if (watch->wanted) watch->on_batch(batch);
    });
  }
  watches_ = std::move(living);
}

Revision FakeEtcd::put(const std::string& key, const std::string& value) {
  const Lock lock(mutex_);
  write(key, value, 0, revision_ + 1);
  tell(++revision_);
  return revision_;
}

void FakeEtcd::remove(const std::string& key) {
  const Lock lock(mutex_);
  write(key, std::nullopt, 0, revision_ + 1);
  tell(++revision_);
}

std::string FakeEtcd::value(const std::string& key) const {
  const Lock lock(mutex_);
  const auto found = keys_.find(key);
  return found == keys_.end() ? std::string() : found->second.value;
}

std::vector<std::string> FakeEtcd::keys() const {
  const Lock lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [key, kv] : keys_) all.push_back(key);
  return all;
}

LeaseId FakeEtcd::lease_of(const std::string& key) const {
  const Lock lock(mutex_);
  const auto found = keys_.find(key);
  return found == keys_.end() ? 0 : found->second.lease;
}

Revision FakeEtcd::revision() const {
  const Lock lock(mutex_);
  return revision_;
}

std::size_t FakeEtcd::transactions() const {
  const Lock lock(mutex_);
  return transactions_;
}

void FakeEtcd::compact() { compact(revision()); }

Revision FakeEtcd::compacted() const {
  const Lock lock(mutex_);
  return compacted_;
}

void FakeEtcd::alarm(std::vector<std::string> alarms) {
  const Lock lock(mutex_);
  alarms_ = std::move(alarms);
}

void FakeEtcd::compact(Revision to) {
  const Lock lock(mutex_);
  compacted_ = std::max(compacted_, to);
  std::erase_if(history_, [&](const WatchEvent& event) { return event.now.modified <= compacted_; });
}

void FakeEtcd::expire(LeaseId lease) {
  const Lock lock(mutex_);
  leases_.erase(lease);
  std::vector<std::string> gone;
  for (const auto& [key, kv] : keys_) {
    if (lease != 0 && kv.lease == lease) gone.push_back(key);
  }
  if (gone.empty()) return;
  for (const auto& key : gone) write(key, std::nullopt, 0, revision_ + 1);
  tell(++revision_);
}

void FakeEtcd::hold(Kind kind, bool on) {
  const Lock lock(order_);
  held_[kind] = on;
  if (on) return;
  for (auto& job : std::exchange(waiting_[kind], {})) lanes_.at(kind)->run(std::move(job));
}

void FakeEtcd::away(bool on) {
  const Lock lock(mutex_);
  away_ = on;
  if (!on) return;
  for (const auto& weak : std::exchange(watches_, {})) {
    const auto watch = weak.lock();
    if (watch == nullptr) continue;
    run(Kind::Watches, [watch] {
      const std::scoped_lock call(watch->mutex);
      if (std::exchange(watch->wanted, false)) watch->on_end({ErrorCode::Unavailable, "fake: away"});
    });
  }
}

void FakeEtcd::fail_next_write(Error error, bool happens) {
  const Lock lock(mutex_);
  fail_next_ = {std::move(error), happens};
}

void FakeEtcd::before_next_write(std::function<void()> what) {
  const Lock lock(mutex_);
  before_next_ = std::move(what);
}

}  // namespace berth::store::etcd
