// store/etcd/etcd_mirror.cpp - see etcd_mirror.hpp.
#include "store/etcd/etcd_mirror.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.hpp"

namespace berth::store::etcd {
namespace {

using model::Object;
using model::ObjectKey;
using model::ObjectPtr;

/// Objects in one answer to a list. Of the largest that there may be: 300 MB; of usual ones: 1 MB.
constexpr std::int64_t kPage = 200;
/// The form of what is stored. Another number: a version that this one must not write beside.
constexpr std::int64_t kFormat = 1;
/// A connection that ends and comes back at once is nothing to speak of.
constexpr std::chrono::seconds kReconnection{1};
constexpr const char* kEtcd = "etcd";
constexpr const char* kMeta = "meta";

/// What is said of a holder: cut, whoever wrote it.
constexpr std::size_t kMostSaid = 256;

Holder holder_of(const std::string& value) {
  const auto said = parse_json(value);
  const auto word = [&](std::string_view name) {
    return said ? std::string(find_string(*said, {name}).substr(0, kMostSaid)) : std::string();
  };
  return {.node = word("node"), .version = word("version"), .since = word("since")};
}

}  // namespace

struct EtcdMirror::Listed {
  Revision revision = 0;
  ObjectTable::Objects objects;
  Holders holders;
  std::vector<SessionKey> sessions;
  Strange strange;
  std::string next;
  std::size_t pages = 0;  ///< That came.
};

EtcdMirror::EtcdMirror(Loop& loop, std::shared_ptr<LoopPoster> poster, EtcdClient& client, const EtcdKeys& keys,
                       ObjectTable& table, ProblemList& problems, Options options, Events events)
    : loop_(loop),
      poster_(std::move(poster)),
      client_(client),
      keys_(keys),
      table_(table),
      problems_(problems),
      options_(std::move(options)),
      events_(std::move(events)),
      retry_in_(options_.retry_first) {}

EtcdMirror::~EtcdMirror() = default;

template <typename T, typename Job>
std::function<void(T)> EtcdMirror::here(Job job) {
  // The loop's jobs end before we do.
  return [this, round = round_, poster = poster_, job = std::move(job)](T value) {
    const auto held = std::make_shared<T>(std::move(value));
    poster->post([this, round, job, held] {
      if (round == round_) job(std::move(*held));
    });
  };
}

void EtcdMirror::start() { begin(); }

void EtcdMirror::stand_on(const std::string& id, Revision revision, const std::string& what) {
  identity_.id = id;
  seen_ = revision;
  listed_ = true;
  copied_ = true;
  lost_ = true;  // Nobody was told anything else.
  away_since_ = std::chrono::steady_clock::now() - kReconnection;
  if (!why_away_) why_away_ = Error(ErrorCode::Unavailable, "it did not answer since the start");
  problems_.report(kEtcd, {.what = "etcd",
                           .reason = fmt::format("{}; nothing can be written: {}", what, why_away_->message()),
                           .kind = {},
                           .ns = {},
                           .name = {}});
  events_.on_first(Ok{});
}

Knowledge EtcdMirror::knowledge() const {
  return {[this](const ObjectKey& key) -> Revision {
            if (const auto found = strange_.at.find(key); found != strange_.at.end()) return found->second;
            const auto object = table_.get(key);
            return object == nullptr ? 0 : object->meta.resource_version;
          },
          seen_};
}

std::optional<Error> EtcdMirror::away() const {
  if (!why_away_ || !away_since_ || std::chrono::steady_clock::now() - *away_since_ < kReconnection) {
    return std::nullopt;
  }
  return why_away_;
}

void EtcdMirror::begin() {
  ++round_;
  retry_timer_.reset();
  watch_.reset();
  if (relist_) return read_meta();
  watch();
}

void EtcdMirror::read_meta() {
  const auto offered = model::new_uid();
  const json::object fresh{{"id", offered}, {"format", kFormat}, {"created", format_rfc3339(SystemClock().wall())}};
  TxnRequest request;
  const auto meta = KeyRange::one(keys_.meta());
  request.conditions.push_back({meta, Compare::What::Created, /*below=*/false, 0});
  // Only at the first start: a store that we know and that lost its mark is no longer ours.
  if (identity_.id.empty()) request.then.push_back({Op::Type::Put, meta, json::serialize(fresh), 0});
  request.otherwise.push_back({Op::Type::Get, meta, {}, 0});
  client_.txn(std::move(request), here<Result<TxnAnswer>>([this, offered](Result<TxnAnswer> answer) {
                on_meta(std::move(answer), offered);
              }));
}

void EtcdMirror::on_meta(Result<TxnAnswer> answer, const std::string& offered) {
  if (!answer) return fail(answer.error().context("look which store it is"));
  if (answer->succeeded && identity_.id.empty()) {
    identity_.id = offered;
    identity_.made_now = true;
  } else {
    const auto text =
        answer->found.empty() || answer->found.front().empty() ? std::string() : answer->found.front().front().value;
    if (!is_ours(text)) return;
  }
  // Who opens it also takes a session: the next opening finds a later revision.
  if (identity_.opened == 0) identity_.opened = static_cast<std::uint64_t>(answer->revision);
  if (answer->revision < seen_) {
    return fail({ErrorCode::DataLoss, fmt::format("it is at revision {}, and was at {}: it was put back from an old "
                                                  "copy; restart berthd to follow it",
                                                  answer->revision, seen_)});
  }
  list_page(std::make_shared<Listed>());
}

bool EtcdMirror::is_ours(const std::string& text) {
  const auto meta = parse_json(text);
  const auto id = meta ? find_string(*meta, {"id"}) : std::string_view();
  const auto* format = meta ? find(*meta, {"format"}) : nullptr;
  if (id.empty() || format == nullptr || !format->is_int64()) {
    fail({ErrorCode::DataLoss, fmt::format("{} says not which store it is", keys_.meta())});
    return false;
  }
  if (format->get_int64() != kFormat) {
    fail({ErrorCode::DataLoss,
          fmt::format("{} is of format {}, this version knows {}", keys_.meta(), format->get_int64(), kFormat)});
    return false;
  }
  if (!identity_.id.empty() && identity_.id != id) {
    fail({ErrorCode::DataLoss,
          fmt::format("{} is store {} now, we are of {}: nothing of it is believed", keys_.meta(), id, identity_.id)});
    return false;
  }
  identity_.id = std::string(id);
  return true;
}

void EtcdMirror::list_page(const std::shared_ptr<Listed>& so_far) {
  auto range = keys_.objects();
  if (!so_far->next.empty()) range.begin = so_far->next;
  RangeRequest request{std::move(range), kPage, so_far->revision};
  client_.range(std::move(request), here<Result<RangeAnswer>>([this, so_far](Result<RangeAnswer> answer) {
                  on_page(so_far, std::move(answer));
                }));
}

void EtcdMirror::on_page(const std::shared_ptr<Listed>& so_far, Result<RangeAnswer> answer) {
  if (!answer) {
    // Compacted between two pages: from the beginning.
    return fail(answer.error().context("list all objects"));
  }
  if (so_far->revision == 0) so_far->revision = answer->revision;
  events_.on_page(++so_far->pages);
  const bool more = answer->more && !answer->found.empty();
  if (more) {
    // The next one is on its way while this one is read.
    so_far->next = answer->found.back().key + std::string(1, '\0');
    list_page(so_far);
  }
  for (auto& each : answer->found) {
    const auto path = keys_.object_path(each.key);
    if (!path) continue;
    auto object = decode(*path, each, so_far->strange);
    const auto key = path->key();
    // What could be read once stays as it was: nobody may take it for removed.
    if (object == nullptr && key) object = table_.get(*key);
    if (object != nullptr) table_.add_to(so_far->objects, object);
  }
  if (!more) list_holders(so_far);
}

void EtcdMirror::list_holders(const std::shared_ptr<Listed>& all) {
  RangeRequest request{keys_.sessions(), 0, all->revision};
  client_.range(std::move(request), here<Result<RangeAnswer>>([this, all](const Result<RangeAnswer>& answer) {
                  if (!answer) return fail(answer.error().context("list who is there"));
                  for (const auto& each : answer->found) {
                    const auto name = keys_.session_name(each.key);
                    all->holders.emplace(name, holder_of(each.value));
                    all->sessions.push_back({name, each.lease, each.modified});
                  }
                  on_list(*all);
                }));
}

void EtcdMirror::on_list(Listed& all) {
  seen_ = all.revision;
  relist_ = false;
  for (const auto& key : strange_.keys) {
    if (!all.strange.keys.contains(key)) problems_.solve(key);
  }
  strange_ = std::move(all.strange);
  if (std::exchange(copied_, false)) events_.on_answer();
  table_.replace(std::move(all.objects), seen_);
  events_.on_list();
  holders_ = std::move(all.holders);
  for (const auto& key : all.sessions) events_.on_session(key.name, key.lease, key.since);
  events_.on_holders(holders_);
  lost_ = false;  // replace() has told them
  barrier_.reset();
  const bool first = !std::exchange(listed_, true);
  watch();
  if (first && events_.on_first) events_.on_first(Ok{});
  events_.on_seen();
}

void EtcdMirror::watch() {
  watch_ = client_.watch(
      keys_.all(), seen_ + 1, [begun = here<Ok>([this](Ok) { on_watching(); })] { begun({}); },
      here<WatchBatch>([this](WatchBatch batch) { on_batch(std::move(batch)); }),
      here<Error>([this](const Error& error) { on_watch_end(error); }));
}

void EtcdMirror::on_watching() {
  retry_in_ = options_.retry_first;
  if (lost_) return write_barrier();
  found();
}

void EtcdMirror::write_barrier() {
  TxnRequest request;
  request.then.push_back(
      {Op::Type::Put, KeyRange::one(keys_.barrier(options_.node)), format_rfc3339(SystemClock().wall()), 0});
  client_.txn(std::move(request), here<Result<TxnAnswer>>([this](const Result<TxnAnswer>& answer) {
                if (!answer) {
                  // It may be that only writing does not work (a full etcd): a complete list is as good.
                  relist_ = true;
                  return fail(answer.error().context("see whether something was missed"));
                }
                barrier_ = answer->revision;
                look_for_barrier();
              }));
}

void EtcdMirror::look_for_barrier() {
  if (!barrier_ || seen_ < *barrier_) return;
  barrier_.reset();
  found();
}

void EtcdMirror::on_batch(WatchBatch batch) {
  std::vector<Change> changes;
  std::map<ObjectKey, ObjectPtr> newer;
  std::vector<SessionKey> sessions;
  const auto before = [&](const ObjectKey& key) {
    const auto known = newer.find(key);
    return known == newer.end() ? table_.get(key) : known->second;
  };
  auto last = std::max(seen_, batch.nothing_until);
  for (auto& event : batch.events) {
    const auto& now = event.now;
    if (now.modified <= seen_) continue;
    last = std::max(last, now.modified);
    if (const auto path = keys_.object_path(now.key)) {
      const auto key = path->key();
      if (event.removed) {
        forget_strange(now.key);
        if (!key) continue;
        auto old = before(*key);
        if (old == nullptr) continue;
        newer[*key] = nullptr;
        auto gone = std::make_shared<const Object>(at_revision(*old, now.modified));
        changes.push_back({ChangeType::Deleted, std::move(gone), std::move(old), now.modified});
        continue;
      }
      auto object = decode(*path, now, strange_);
      if (object == nullptr) continue;
      auto old = before(*key);
      newer[*key] = object;
      const auto type = old == nullptr ? ChangeType::Added : ChangeType::Modified;
      changes.push_back({type, std::move(object), std::move(old), now.modified});
    } else if (now.key == keys_.meta()) {
      // What else came with it is in the next list.
      if (event.removed) return fail({ErrorCode::DataLoss, now.key + " was removed: nothing of it is believed"});
      if (!is_ours(now.value)) return;
    } else if (const auto name = keys_.session_name(now.key); !name.empty()) {
      sessions.push_back({name, event.removed ? 0 : now.lease, now.modified});
      if (event.removed) {
        holders_.erase(name);
      } else {
        holders_[name] = holder_of(now.value);
      }
    }
  }
  seen_ = last;
  table_.publish(changes);
  events_.on_change(changes);
  for (const auto& key : sessions) events_.on_session(key.name, key.lease, key.since);
  if (!sessions.empty()) events_.on_holders(holders_);
  look_for_barrier();
  events_.on_seen();
}

void EtcdMirror::on_watch_end(const Error& error) {
  if (error.code() == ErrorCode::OutOfRange) {
    relist_ = true;
    return begin();
  }
  fail(error.context("follow it"));
}

void EtcdMirror::fail(const Error& error) {
  ++round_;
  watch_.reset();
  barrier_.reset();
  if (!away_since_) away_since_ = std::chrono::steady_clock::now();
  why_away_ = error;
  if (error.code() == ErrorCode::DataLoss) {
    relist_ = true;
    problems_.report(kMeta, {.what = "etcd", .reason = error.message(), .kind = {}, .ns = {}, .name = {}});
  }
  if (!listed_ && events_.on_first) events_.on_first(error);
  if (listed_ && !lost_ && lost_timer_ == nullptr) {
    lost_timer_ = loop_.after(options_.lost_after, [this] { lose(); });
  }
  retry();
}

void EtcdMirror::retry() {
  retry_timer_ = loop_.after(retry_in_, [this] { begin(); });
  retry_in_ = std::min(retry_in_ * 2, options_.retry_most);
}

void EtcdMirror::lose() {
  lost_timer_.reset();
  lost_ = true;
  table_.lose();
  problems_.report(kEtcd, {.what = "etcd",
                           .reason = fmt::format("objects are as they were; nothing can be written: {}",
                                                 why_away_ ? why_away_->message() : "it does not answer"),
                           .kind = {},
                           .ns = {},
                           .name = {}});
}

void EtcdMirror::found() {
  lost_timer_.reset();
  away_since_.reset();
  why_away_.reset();
  if (std::exchange(lost_, false)) table_.retell();
  problems_.solve(kEtcd);
  problems_.solve(kMeta);
}

ObjectPtr EtcdMirror::decode(const ObjectPath& path, const KeyValue& stored, Strange& strange) {
  const auto key = path.key();
  auto object = key ? read_object(path, stored)
                    : Error(ErrorCode::Unimplemented, "of a kind that this version does not know: it is kept as it is");
  if (object) {
    if (&strange == &strange_) forget_strange(stored.key);
    return std::make_shared<const Object>(*std::move(object));
  }
  strange.keys.insert(stored.key);
  if (key) {
    strange.unreadable[*key] = object.error().message();
    strange.at[*key] = stored.modified;
  }
  problems_.report(stored.key, {.what = path.display(),
                                .reason = object.error().message(),
                                .kind = path.group_kind,
                                .ns = path.ns,
                                .name = path.name});
  return nullptr;
}

void EtcdMirror::forget_strange(const std::string& key) {
  if (strange_.keys.erase(key) == 0) return;
  problems_.solve(key);
  const auto path = keys_.object_path(key);
  const auto object = path ? path->key() : std::nullopt;
  if (!object) return;
  strange_.unreadable.erase(*object);
  strange_.at.erase(*object);
}

}  // namespace berth::store::etcd
