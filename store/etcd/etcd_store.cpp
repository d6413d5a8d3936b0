// store/etcd/etcd_store.cpp - judges writes by what is known here, and lets etcd make them only if that is still so.
#include "store/etcd/etcd_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/etcd_member_file.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "store/draft.hpp"
#include "store/etcd/copy_keeper.hpp"
#include "store/etcd/etcd_keeper.hpp"
#include "store/etcd/etcd_keys.hpp"
#include "store/etcd/etcd_mirror.hpp"
#include "store/etcd/etcd_sessions.hpp"
#include "store/etcd/etcd_txn.hpp"
#include "store/etcd/list_patience.hpp"
#include "store/etcd/loop_poster.hpp"
#include "store/etcd/member_keeper.hpp"
#include "store/holder_board.hpp"
#include "store/object_table.hpp"
#include "store/problem_list.hpp"

namespace berth::store::etcd {
namespace {

using model::Kind;
using model::Object;
using model::ObjectKey;
using model::ObjectPtr;

constexpr std::size_t kMaxWaiting = 10'000;
constexpr std::size_t kMaxFlying = 64;   ///< Asked of etcd at once.
constexpr std::size_t kLookAhead = 256;  ///< Of those that wait, for one that is in nobody's way.
constexpr int kMaxTries = 50;            ///< Others changed the same each time.
constexpr std::chrono::milliseconds kTick{500};
constexpr std::chrono::seconds kLeaseShared{300};  ///< Events of so long share a lease.

using Lists = std::set<std::pair<Kind, std::string>>;

bool in_lists(const Lists& lists, const ObjectKey& key) {
  return lists.contains({key.kind, key.ns}) || lists.contains({key.kind, std::string()});
}

struct Waiting {
  Txn txn;
  std::set<ObjectKey> keys;
  Committed done;
};

/// One transaction that etcd is asked for.
struct Flight {
  Waiting wanted;
  Reads reads;
  std::vector<Staged> staged;
  std::optional<Error> refusal;  ///< What it will be told, if it was judged by the truth.
  TxnPlan plan;
  bool writes = false;  ///< `plan` is more than a question.
  int tries = 0;
  bool wants_lease = false;  ///< Waits for the lease of its Events.
  SteadyTime asked;
  SteadyTime until;              ///< When it is answered at the latest, once etcd did.
  Revision written = 0;          ///< etcd made it: waits to be seen here.
  std::optional<Behind> behind;  ///< etcd refused it: waits for what was not known.

  /// What it does changes what was gone through in `lists`.
  bool changes(const Lists& lists) const {
    return std::any_of(staged.begin(), staged.end(), [&](const Staged& each) {
      // A pod counts from its creation on, see plan_txn().
      const bool counts = each.change.object->kind != Kind::Pod || each.change.type == ChangeType::Added;
      return !each.no_op && counts && in_lists(lists, each.change.object->key());
    });
  }
};

/// "write Pod default/web-0": what a transaction is called in messages.
std::string name_of(const Txn& txn) {
  if (txn.writes.empty()) return "judge a transaction";
  const auto& first = txn.writes.front();
  const auto more = txn.writes.size() - 1;
  return fmt::format("{} {}{}", first.object ? "write" : "remove", first.key.display(),
                     more == 0 ? std::string() : fmt::format(" and {} more", more));
}

class EtcdStore final : public Store {
 public:
  /// `members` is told by the client; null: nobody keeps them.
  EtcdStore(std::shared_ptr<EtcdClient> client, EtcdOptions options, std::shared_ptr<MemberKeeper> members)
      : options_(std::move(options)),
        members_(std::move(members)),
        keys_(options_.prefix),
        table_(options_.limits, make_thread_lane("store", 1), Held::Packed),
        holders_([this](HolderBoard::Job job) { table_.post(std::move(job)); }),
        client_(std::move(client)),
        problems_([this](const StoreProblem& problem) {
          if (options_.on_problem) table_.post([this, problem] { options_.on_problem(problem); });
        }),
        sessions_(client_, keys_,
                  {options_.node, options_.instance, options_.version, options_.session_ttl, options_.sessions}),
        poster_(std::make_shared<LoopPoster>(loop_)),
        mirror_(
            loop_, poster_, *client_, keys_, table_, problems_,
            {options_.node, options_.lost_after, options_.retry_first, options_.retry_most},
            {[this] { on_seen(); }, [this](std::size_t number) { on_page(number); },
             [this](const Status& first) { on_first(first); },
             [this](const std::string& name, LeaseId lease, Revision revision) {
               sessions_.key_is(name, lease, revision);
               if (!options_.sessions.on_seen) return;
               table_.post([this, name, lease] { options_.sessions.on_seen(name, static_cast<std::uint64_t>(lease)); });
             },
             [this](Holders all) {
               keeps_ = keeps(all, options_.node);
               holders_.replace(std::move(all));
             },
             [this] {
               // Nobody reads it before the table is etcd's.
               replacing_ = std::unique_lock(first_mutex_);
               identity_ = identity_now();
             },
             [this] {
               if (replacing_) replacing_.unlock();
               if (copy_) copy_->take_all(mirror_.identity().id);
             },
             [this](const std::vector<Change>& changes) {
               if (copy_) copy_->take(changes);
             }}),
        keeper_(loop_, poster_, *client_, problems_, {options_.keep, [this] { return keeps_; }}) {
    if (members_) members_->follow([this](const Status& written) { on_members_written(written); });
    if (options_.copy.empty()) return;
    copy_.emplace(loop_, poster_, table_, problems_,
                  CopyKeeper::Options{options_.copy, copy_of(), options_.not_copied, options_.copy_after});
  }
  EtcdStore(const EtcdStore&) = delete;
  EtcdStore& operator=(const EtcdStore&) = delete;

  ~EtcdStore() override {
    if (members_) members_->follow({});
    if (thread_.joinable()) {
      flush().ok();
      loop_.stop();
      thread_.join();
    }
    poster_->close();
    copy_.reset();
    const Error closed(ErrorCode::Cancelled, "store: it is closing");
    for (auto& [number, flight] : flights_) answer(std::move(flight.wanted.done), closed);
    for (auto& waiting : queue_) answer(std::move(waiting.done), closed);
  }

  /// Returns when there is a snapshot.
  Status start() {
    auto ready = first_.get_future();
    thread_ = std::thread([this] { loop_.run(); });
    loop_.post([this] {
      tick();
      mirror_.start();
    });
    if (!options_.copy.empty() && options_.stand_in_after < options_.open_within) {
      if (ready.wait_for(options_.stand_in_after) == std::future_status::ready) return ready.get();
      stand_on_copy();
    }
    for (auto until = late_at(); ready.wait_until(until) != std::future_status::ready;) {
      const auto later = late_at();
      if (later == until) break;
      until = later;
    }
    const std::scoped_lock lock(first_mutex_);
    if (first_told_) return ready.get();
    return first_error_.value_or(
        Error(ErrorCode::DeadlineExceeded, "list all objects: no more of them came within the time given"));
  }

  ObjectPtr get(const ObjectKey& key) const override { return table_.get(key); }
  Listing list(Kind kind, std::string_view ns) const override { return table_.list(kind, ns); }
  void visit(Kind kind, std::string_view ns, const std::function<void(const model::ObjectPtr&)>& see) const override {
    table_.visit(kind, ns, see);
  }
  std::size_t count(Kind kind) const override { return table_.count(kind); }
  Revision revision() const override { return table_.revision(); }

  void commit(Txn txn, Durability /*durability*/, Committed done) override {
    if (waiting_.fetch_add(1) >= kMaxWaiting) {
      waiting_.fetch_sub(1);
      return answer(std::move(done),
                    Error(ErrorCode::Unavailable, fmt::format("store: {} writes wait for etcd", kMaxWaiting)));
    }
    auto keys = keys_of(txn);
    const auto held = std::make_shared<Waiting>(Waiting{std::move(txn), std::move(keys), std::move(done)});
    loop_.post([this, held] {
      queue_.push_back(std::move(*held));
      pump();
    });
  }
  std::unique_ptr<Watch> follow(Scope scope, Follower follower) override {
    return table_.follow(std::move(scope), std::move(follower));
  }
  Result<std::unique_ptr<Watch>> watch(std::optional<Kind> kind, Revision from,
                                       std::function<void(const Change&)> on_change) override {
    return table_.watch(kind, from, std::move(on_change));
  }
  Result<History> history(Kind kind, Revision from) const override { return table_.history(kind, from); }
  Progress progress(Kind kind) const override { return table_.progress(kind); }
  Identity identity() const override {
    const std::scoped_lock lock(first_mutex_);
    return identity_;
  }
  std::vector<StoreProblem> problems() const override { return problems_.all(); }

  Result<std::unique_ptr<Session>> open_session(std::string name, std::function<void()> on_lost) override {
    // Before it is known that this etcd is the one that the copy is of, nothing is written there.
    if (identity().opened == 0) {
      return Error(ErrorCode::Unavailable, "open session " + name + ": etcd did not answer yet");
    }
    return sessions_.open(std::move(name), std::move(on_lost));
  }
  std::unique_ptr<Watch> follow_holders(std::function<void(const Holders&)> on_change) override {
    return holders_.follow(std::move(on_change));
  }

  Status flush() override {
    const auto promise = std::make_shared<std::promise<void>>();
    auto done = promise->get_future();
    loop_.post([this, promise] {
      flushes_.push_back(promise);
      pump();
    });
    done.wait();
    return Ok{};
  }

 private:
  SteadyTime late_at() {
    const std::scoped_lock lock(first_mutex_);
    return patience_.until();
  }

  void on_page(std::size_t number) {
    const std::scoped_lock lock(first_mutex_);
    patience_.page(number, std::chrono::steady_clock::now());
  }

  void on_first(const Status& first) {
    const std::scoped_lock lock(first_mutex_);
    if (first_told_) return;
    // What another try does not mend ends the opening; else the last reason is told when the time is over.
    const auto mends = [](ErrorCode code) {
      return code == ErrorCode::Unavailable || code == ErrorCode::DeadlineExceeded || code == ErrorCode::OutOfRange;
    };
    if (first) {
      identity_ = identity_now();
    } else {
      first_error_ = first.error();
      if (mends(first.error().code())) return;
    }
    first_told_ = true;
    first_.set_value(first);
  }

  Identity identity_now() const {
    auto identity = mirror_.identity();
    identity.node = options_.node;
    return identity;
  }

  CopyOf copy_of() const { return {options_.access.endpoints, options_.prefix, options_.node}; }

  /// There is no list of etcd's: what the copy has counts until there is.
  void stand_on_copy() {
    auto copied = read_copy(options_.copy, copy_of());
    if (!copied) {
      if (copied.error().code() == ErrorCode::NotFound) return;
      return problems_.report("copy",
                              {.what = options_.copy.native(),
                               .reason = "the copy for a start without etcd is not used: " + copied.error().message(),
                               .kind = {},
                               .ns = {},
                               .name = {}});
    }
    const auto held = std::make_shared<Copied>(*std::move(copied));
    loop_.post([this, held] {
      if (mirror_.has_snapshot()) return;
      table_.load(std::move(held->objects), held->revision);
      mirror_.stand_on(held->store, held->revision,
                       fmt::format("away since the start at {}: objects are as of {}, from the copy in {}; what ran "
                                   "here goes on, nothing else is started",
                                   format_rfc3339(clock_.wall()), held->as_of, options_.copy.native()));
    });
  }

  void answer(Committed done, Result<std::vector<ObjectPtr>> result) {
    if (!done) return;
    table_.post([done = std::move(done), result = std::move(result)] { done(result); });
  }

  void on_members_written(const Status& written) {
    if (written) return problems_.solve("members");
    problems_.report("members", {.what = members_->file().native(),
                                 .reason = "the etcd's members are not kept for a start: " + written.error().message(),
                                 .kind = {},
                                 .ns = {},
                                 .name = {}});
  }

  void tick() {
    tick_ = loop_.after(kTick, [this] {
      give_up_late();
      if (members_) members_->look(std::chrono::steady_clock::now());
      tick();
    });
  }

  /// Begins what is in nobody's way. What speaks of the same key goes in the order in which it came; and who went
  /// through a list for its judgement waits for those who change it, and they for it.
  void pump() {
    std::set<ObjectKey> earlier;
    Lists listed;
    std::size_t looked = 0;
    for (auto each = queue_.begin(); each != queue_.end() && flights_.size() < kMaxFlying && looked < kLookAhead;
         ++looked) {
      const auto is_held = [&](const ObjectKey& key) {
        return busy_.contains(key) || earlier.contains(key) || in_lists(listed, key);
      };
      if (std::none_of(each->keys.begin(), each->keys.end(), is_held) && begin(*each, listed)) {
        each = queue_.erase(each);
        continue;
      }
      earlier.insert(each->keys.begin(), each->keys.end());
      ++each;
    }
    if (!queue_.empty() || !flights_.empty()) return;
    for (auto& flush : flushes_) flush->set_value();
    flushes_.clear();
  }

  void pump_soon() {
    if (std::exchange(pumping_, true)) return;
    loop_.post([this] {
      pumping_ = false;
      pump();
    });
  }

  /// False: it has to wait, and those who come after it for it when they change `listed`.
  bool begin(Waiting& waiting, Lists& listed) {
    Flight flight;
    flight.wanted.txn = std::move(waiting.txn);
    judge(flight);
    for (const auto& [number, other] : flights_) {
      if (!other.changes(flight.reads.lists) && !flight.changes(other.reads.lists)) continue;
      listed.insert(flight.reads.lists.begin(), flight.reads.lists.end());
      waiting.txn = std::move(flight.wanted.txn);
      return false;
    }
    flight.wanted.keys = std::move(waiting.keys);
    flight.wanted.done = std::move(waiting.done);
    busy_.insert(flight.wanted.keys.begin(), flight.wanted.keys.end());
    const auto number = ++last_number_;
    flights_.emplace(number, std::move(flight));
    ask(number);
    return true;
  }

  void judge(Flight& flight) {
    flight.reads = {};
    flight.staged.clear();
    flight.refusal.reset();
    Draft draft(table_, {options_.limits, clock_, mirror_.unreadable(), &flight.reads});
    auto staged = draft.stage(flight.wanted.txn);
    if (staged) {
      flight.staged = *std::move(staged);
    } else {
      flight.refusal = std::move(staged).error();
    }
  }

  /// Would another state of the store have another answer?
  static bool may_be_stale(const Flight& flight) {
    const auto code = flight.refusal->code();
    return code == ErrorCode::AlreadyExists || code == ErrorCode::NotFound || code == ErrorCode::Aborted ||
           code == ErrorCode::PermissionDenied || !flight.reads.lists.empty() || !flight.reads.keys.empty();
  }

  void ask(std::uint64_t number) {
    auto& flight = flights_.at(number);
    flight.written = 0;
    flight.behind.reset();
    flight.wants_lease = false;
    if (flight.refusal && !may_be_stale(flight)) return finish(number, *flight.refusal);
    if (auto away = mirror_.away()) {
      return finish(number, Error(ErrorCode::Unavailable, away->message()).context(doing(flight)));
    }
    const bool has_events = std::any_of(flight.staged.begin(), flight.staged.end(), [](const Staged& each) {
      return each.change.object->kind == Kind::Event && each.change.type != ChangeType::Deleted;
    });
    if (has_events && !lease_is_fresh()) {
      flight.wants_lease = true;
      return grant_event_lease();
    }
    flight.plan = plan_txn(keys_, flight.wanted.keys, flight.reads, flight.staged, mirror_.knowledge(), event_lease_);
    if (auto fit = fits(flight.plan); !fit) return finish(number, fit.error().context(doing(flight)));
    flight.writes = !flight.plan.request.then.empty();
    if (!flight.writes && flight.plan.request.conditions.empty()) return finish(number, objects_of(flight));
    flight.asked = std::chrono::steady_clock::now();
    client_->txn(std::move(flight.plan.request), [this, number, poster = poster_](Result<TxnAnswer> answer) {
      const auto held = std::make_shared<Result<TxnAnswer>>(std::move(answer));
      poster->post([this, number, held] { on_answer(number, *held); });
    });
  }

  void on_answer(std::uint64_t number, const Result<TxnAnswer>& answer) {
    auto& flight = flights_.at(number);
    const auto now = std::chrono::steady_clock::now();
    flight.until = now + options_.seen_within;
    if (!answer) {
      // The lease of Events is gone, by a person or after a long pause.
      if (answer.error().code() == ErrorCode::NotFound && event_lease_ != 0 && ++flight.tries < kMaxTries) {
        event_lease_ = 0;
        return again(number);
      }
      if (flight.writes) {
        counters().store_errors.fetch_add(1, std::memory_order_relaxed);
        keeper_.on_write(/*full=*/answer.error().code() == ErrorCode::ResourceExhausted);
      }
      return finish(number, answer.error().context(doing(flight)));
    }
    if (!answer->succeeded) {
      if (++flight.tries >= kMaxTries) {
        return finish(number, Error(ErrorCode::Aborted, doing(flight) + ": others changed it again and again"));
      }
      flight.behind = behind(flight.plan, *answer);
      if (flight.behind->caught_up(mirror_.knowledge())) again(number);
      return;
    }
    if (flight.writes) counters().store_commit.add(std::chrono::duration<double>(now - flight.asked).count());
    if (flight.refusal) return finish(number, *flight.refusal);
    if (!flight.writes) return finish(number, objects_of(flight));
    keeper_.on_write(/*full=*/false);
    flight.written = answer->revision;
    if (mirror_.knowledge().seen >= flight.written) finish(number, objects_of(flight));
  }

  void again(std::uint64_t number) {
    judge(flights_.at(number));
    ask(number);
  }

  void on_seen() {
    const auto known = mirror_.knowledge();
    keeper_.on_seen(known.seen);
    std::vector<std::uint64_t> written;
    std::vector<std::uint64_t> late;
    for (const auto& [number, flight] : flights_) {
      if (flight.written != 0 && flight.written <= known.seen) written.push_back(number);
      if (flight.behind && flight.behind->caught_up(known)) late.push_back(number);
    }
    for (const auto number : written) finish(number, objects_of(flights_.at(number)));
    for (const auto number : late) again(number);
  }

  void give_up_late() {
    const auto now = std::chrono::steady_clock::now();
    std::vector<std::uint64_t> late;
    for (const auto& [number, flight] : flights_) {
      if ((flight.written != 0 || flight.behind) && flight.until <= now) late.push_back(number);
    }
    for (const auto number : late) {
      const auto& flight = flights_.at(number);
      const auto away = mirror_.away();
      const auto why = away ? away->message() : std::string("its watch is behind");
      if (flight.written != 0) {
        finish(number, Error(ErrorCode::DeadlineExceeded,
                             fmt::format("{}: etcd made it at revision {}, which is not seen here yet: {}",
                                         doing(flight), flight.written, why)));
      } else {
        finish(number, Error(ErrorCode::Unavailable,
                             fmt::format("{}: somebody else changed it, and that is not seen here yet: {}",
                                         doing(flight), why)));
      }
    }
  }

  void finish(std::uint64_t number, Result<std::vector<ObjectPtr>> result) {
    const auto found = flights_.find(number);
    auto flight = std::move(found->second);
    flights_.erase(found);
    for (const auto& key : flight.wanted.keys) busy_.erase(busy_.find(key));
    waiting_.fetch_sub(1);
    answer(std::move(flight.wanted.done), std::move(result));
    pump_soon();
  }

  static std::string doing(const Flight& flight) { return "etcd: " + name_of(flight.wanted.txn); }

  std::vector<ObjectPtr> objects_of(const Flight& flight) const {
    std::vector<ObjectPtr> objects;
    for (const auto& each : flight.staged) {
      objects.push_back(each.no_op ? each.change.object : object_at(each.change, flight.written));
    }
    return objects;
  }

  /// As readers and watchers saw it, when they did.
  ObjectPtr object_at(const Change& staged, Revision revision) const {
    const auto key = staged.object->key();
    if (const auto history = table_.history(key.kind, revision - 1)) {
      for (const auto& change : history->changes) {
        if (change.revision != revision) break;
        if (change.type == staged.type && change.object->key() == key) return change.object;
      }
    }
    return std::make_shared<const Object>(at_revision(*staged.object, revision));
  }

  bool lease_is_fresh() const {
    return event_lease_ != 0 && std::chrono::steady_clock::now() - event_lease_since_ < kLeaseShared;
  }

  /// All Events of five minutes are kept by one: etcd counts each lease.
  void grant_event_lease() {
    if (std::exchange(granting_, true)) return;
    client_->grant(options_.event_ttl + kLeaseShared, [this, poster = poster_](Result<LeaseGranted> granted) {
      poster->post([this, granted = std::move(granted)] {
        granting_ = false;
        if (granted) {
          event_lease_ = granted->id;
          event_lease_since_ = std::chrono::steady_clock::now();
        }
        std::vector<std::uint64_t> waiting;
        for (const auto& [number, flight] : flights_) {
          if (flight.wants_lease) waiting.push_back(number);
        }
        for (const auto number : waiting) {
          if (granted) {
            again(number);
          } else {
            finish(number, granted.error().context(doing(flights_.at(number))));
          }
        }
      });
    });
  }

  const EtcdOptions options_;
  const std::shared_ptr<MemberKeeper> members_;
  const EtcdKeys keys_;
  const SystemClock clock_;
  ObjectTable table_;
  HolderBoard holders_;
  const std::shared_ptr<EtcdClient> client_;
  ProblemList problems_;
  EtcdSessions sessions_;

  mutable std::mutex first_mutex_;
  Identity identity_;                       ///< Fixed once etcd has answered.
  std::unique_lock<std::mutex> replacing_;  ///< Of first_mutex_, held by the loop while a copy is replaced.
  std::promise<Status> first_;
  bool first_told_ = false;
  std::optional<Error> first_error_;
  ListPatience patience_{options_.open_within, std::chrono::steady_clock::now()};

  std::atomic<std::size_t> waiting_{0};

  Loop loop_;
  const std::shared_ptr<LoopPoster> poster_;

  // The loop thread's.
  EtcdMirror mirror_;
  EtcdKeeper keeper_;
  std::optional<CopyKeeper> copy_;
  bool keeps_ = true;  ///< It is we who look after etcd.
  std::deque<Waiting> queue_;
  std::map<std::uint64_t, Flight> flights_;
  std::uint64_t last_number_ = 0;
  std::multiset<ObjectKey> busy_;  ///< Keys of flights.
  bool pumping_ = false;
  std::vector<std::shared_ptr<std::promise<void>>> flushes_;
  std::unique_ptr<LoopHandle> tick_;
  LeaseId event_lease_ = 0;
  SteadyTime event_lease_since_;
  bool granting_ = false;

  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_store_on(std::shared_ptr<EtcdClient> client, EtcdOptions options,
                                             std::shared_ptr<MemberKeeper> members) {
  auto store = std::make_unique<EtcdStore>(std::move(client), std::move(options), std::move(members));
  if (auto started = store->start(); !started) return std::move(started).error();
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace berth::store::etcd

namespace berth::store {
namespace {

/// What the etcd says of its members is kept beside the copy: both are for a start that does not find what it was told.
std::shared_ptr<etcd::MemberKeeper> follow_members(EtcdOptions& options) {
  const auto file = options.copy.parent_path() / "members.json";
  const auto keeper = std::make_shared<etcd::MemberKeeper>(file, options.access.endpoints);
  options.access.members = read_etcd_members(file, options.access.endpoints);
  options.access.on_members = [keeper](std::vector<std::string> members) { keeper->learned(std::move(members)); };
  return keeper;
}

}  // namespace

Result<std::unique_ptr<Store>> open_etcd_store(EtcdOptions options) {
  const auto module = etcd::etcd_module();
  if (!module) return module.error();
  auto members = options.copy.empty() ? nullptr : follow_members(options);
  auto client = (*module)->open(options.access);
  if (!client) return std::move(client).error();
  return etcd::open_store_on(*std::move(client), std::move(options), std::move(members));
}

}  // namespace berth::store
