// tests/agent/claim_hosts_test.cpp - two hosts' claims on one store, each with a cache that is late in its own way, and
// storage that sees who does what at the same time. On virtual time; each run has a seed; BERTH_RUNS says how many
// there are.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "agent/claims/attachment.hpp"
#include "agent/claims/attachment_controller.hpp"
#include "agent/claims/claim_controller.hpp"
#include "agent/claims/claim_owner.hpp"
#include "agent/objects/cache_feed.hpp"
#include "agent/objects/live_nodes.hpp"
#include "agent/objects/pod_facts.hpp"
#include "agent/objects/store_writer.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "model/deletion.hpp"
#include "tests/agent/random_days.hpp"
#include "tests/fakes/slow_store.hpp"
#include "tests/fakes/store_clock.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using model::ObjectKey;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// What all hosts' helpers do to disks and shares, and what must never happen there. Nothing is done at once.
class Storage {
 public:
  Storage(Dice& dice, store::SlowStore& store) : dice_(dice), store_(store) {}

  void provision(const std::string& host, const volumes::ProvisionRequest& request,
                 const std::function<void(const Result<volumes::Provisioned>&)>& done) {
    const auto name = request.ns + "/" + request.claim;
    const auto claim = store_.truth({Kind::PersistentVolumeClaim, request.ns, request.claim});
    if (claim) {
      auto& makers = makers_[claim->meta.uid];
      makers.insert(host);
      EXPECT_EQ(makers.size(), 1U) << name << " is made by two hosts";
    }
    const auto pool = request.provisioner == "berth.io/pool";
    if (pool) begin("the pools", host);
    const auto content = content_of(host, request.provisioner, name);
    // One that was begun for a claim that is gone by now comes to nothing.
    const auto uid = claim ? claim->meta.uid : std::string();
    EXPECT_TRUE(uid.empty() || !busy_.contains(content)) << content << " is made while it is destroyed";
    making_.emplace(content, uid);
    later([this, host, request, name, content, uid, pool, done] {
      making_.erase({content, uid});
      if (pool) end("the pools");
      if (dice_.one_in(6)) return done(Error(ErrorCode::Unavailable, "the server is away"));
      if (!pool) {
        contents_.insert(content);
        if (request.provisioner == "berth.io/nfs") {
          return done(volumes::Provisioned{.source = model::NfsSource{.server = "nas", .path = "/" + name},
                                           .bytes = request.bytes});
        }
        return done(volumes::Provisioned{
            .source = model::HostPathSource{"/" + name, "Directory"}, .bytes = request.bytes, .local = true});
      }
      const auto is_free = [&](int lun) {
        return !notes_.contains(lun) && std::none_of(request.taken.begin(), request.taken.end(), [&](const auto& each) {
          const auto* iscsi = std::get_if<model::IscsiSource>(&each);
          return iscsi != nullptr && iscsi->lun == lun;
        });
      };
      int lun = 0;
      for (const auto& [number, note] : notes_) {
        if (note == host + " " + name) return done(disk(number, request.bytes));
      }
      while (!is_free(lun)) ++lun;
      notes_[lun] = host + " " + name;
      done(disk(lun, request.bytes));
    });
  }

  void reclaim(const std::string& host, const volumes::ReclaimRequest& request,
               const std::function<void(const Status&)>& done) {
    const auto name = request.ns + "/" + request.claim;
    const auto content = content_of(host, request.provisioner, name);
    const auto unused = [this, host, source = request.source, name] { expect_unused(host, source, name); };
    unused();
    const auto claim = store_.truth({Kind::PersistentVolumeClaim, request.ns, request.claim});
    EXPECT_FALSE(claim && making_.contains({content, claim->meta.uid})) << content << " is destroyed while it is made";
    // A directory of a share may be removed by two at once, a disk not; that nobody has it is asked before and after.
    const auto is_share = std::holds_alternative<model::NfsSource>(request.source);
    if (!is_share) begin(content, host);
    later([this, host, request, content, name, unused, done, is_share] {
      unused();
      if (!is_share) end(content);
      if (dice_.one_in(6)) return done(Error(ErrorCode::Unavailable, "the server is away"));
      contents_.erase(content);
      if (const auto* iscsi = std::get_if<model::IscsiSource>(&request.source)) {
        const auto note = notes_.find(static_cast<int>(iscsi->lun));
        EXPECT_TRUE(note == notes_.end() || note->second == host + " " + name) << host << " has no notes of it";
        if (note != notes_.end()) notes_.erase(note);
      }
      done(Ok{});
    });
  }

  /// Some call is over.
  bool end_due() {
    if (under_way_.empty() || under_way_.begin()->first > store_.now()) return false;
    const auto first = std::move(under_way_.extract(under_way_.begin()).mapped());
    first();
    return true;
  }
  bool is_idle() const { return under_way_.empty(); }

  /// By volume: which pods of which host have it.
  void mount(const std::string& volume, const std::string& host, const std::string& uid) {
    auto& users = mounts_[volume];
    for (const auto& [other, node] : users) EXPECT_EQ(node, host) << volume << " is mounted by two hosts";
    users[uid] = host;
  }
  void unmount(const std::string& uid) {
    for (auto& [volume, users] : mounts_) users.erase(uid);
  }
  bool has_mounts(const std::string& uid) const {
    return std::any_of(mounts_.begin(), mounts_.end(), [&](const auto& each) { return each.second.contains(uid); });
  }
  /// What claims that are bound count on.
  void expect_all_there() const {
    for (const auto& object : store_.truth(Kind::PersistentVolume)) {
      const auto volume = *model::decode_volume(*object);
      const auto claim = store_.truth({Kind::PersistentVolumeClaim, volume.claim_ns, volume.claim_name});
      if (!claim || claim->meta.uid != volume.claim_uid) continue;
      const auto host = is_pinned(volume) ? volume.node_affinity[0].match_expressions[0].values[0] : std::string();
      const auto name = volume.claim_ns + "/" + volume.claim_name;
      const auto maker = annotation_of(volume.meta, kProvisionedBy);
      if (const auto* iscsi = std::get_if<model::IscsiSource>(&volume.source)) {
        EXPECT_TRUE(notes_.contains(static_cast<int>(iscsi->lun))) << name << " lost its disk";
      } else {
        EXPECT_TRUE(contents_.contains(content_of(host, maker, name))) << name << " lost its content";
      }
    }
  }

 private:
  static std::string content_of(const std::string& host, const std::string& provisioner, const std::string& name) {
    // A share is everybody's; which disk of a pool is whose is known where it was taken.
    return provisioner + (provisioner == "berth.io/nfs" ? " " : " of " + host + " ") + name;
  }
  static volumes::Provisioned disk(int lun, std::int64_t bytes) {
    model::IscsiSource source;
    source.target_portal = "nas";
    source.iqn = "iqn.x";
    source.lun = lun;
    return {.source = source, .bytes = bytes};
  }
  void begin(const std::string& what, const std::string& host) {
    const auto [at, first] = busy_.emplace(what, host);
    EXPECT_TRUE(first) << what << ": " << host << " begins while " << at->second << " is at it";
  }
  void end(const std::string& what) { busy_.erase(what); }
  void later(std::function<void()> what) {
    under_way_.emplace(store_.now() + milliseconds(1 + dice_.below(400)), std::move(what));
  }
  /// No claim that is bound has that content, and no pod has it mounted.
  void expect_unused(const std::string& host, const model::PersistentSource& source, const std::string& name) const {
    for (const auto& object : store_.truth(Kind::PersistentVolume)) {
      const auto volume = *model::decode_volume(*object);
      if (model::encode_source(volume.source) != model::encode_source(source)) continue;
      if (is_pinned(volume) && volume.node_affinity[0].match_expressions[0].values[0] != host) continue;
      const auto users = mounts_.find(volume.meta.name);
      EXPECT_TRUE(users == mounts_.end() || users->second.empty()) << name << " is destroyed where it is mounted";
      const auto stored = store_.truth({Kind::PersistentVolumeClaim, volume.claim_ns, volume.claim_name});
      if (!stored) continue;
      const auto claim = *model::decode_claim(*stored);
      EXPECT_FALSE(claim.phase == "Bound" && claim.volume_name == volume.meta.name)
          << name << " is destroyed, and a claim is bound to it";
    }
  }

  Dice& dice_;
  store::SlowStore& store_;
  std::multimap<microseconds, std::function<void()>> under_way_;
  std::map<std::string, std::string> busy_;               ///< What is destroyed, or must have one user, and by whom.
  std::set<std::pair<std::string, std::string>> making_;  ///< Content, and for which claim.
  std::map<std::string, std::set<std::string>> makers_;
  std::set<std::string> contents_;
  std::map<int, std::string> notes_;  ///< LUN: which host noted whose it is.
  std::map<std::string, std::map<std::string, std::string>> mounts_;
};

/// One host's way to it.
class HostVolumes final : public volumes::PodVolumes {
 public:
  HostVolumes(std::string host, Storage& storage) : host_(std::move(host)), storage_(storage) {}
  Result<volumes::VolumePaths> mount(const volumes::PodVolumesSpec&) override { return volumes::VolumePaths{}; }
  Status unmount(const std::string&) override { return Ok{}; }
  Status release(const std::string&) override { return Ok{}; }
  Result<bool> present(const std::string&) override { return false; }
  bool under_way(const std::string&) override { return false; }
  Result<std::vector<std::string>> mounted_pods() override { return std::vector(seen.begin(), seen.end()); }
  Result<std::filesystem::path> sub_path(const std::string&, const std::string&, int, const std::filesystem::path&,
                                         const std::string&) override {
    return std::filesystem::path();
  }
  Result<std::filesystem::path> termination_log(const std::string&, const std::string&, unsigned) override {
    return std::filesystem::path();
  }
  void provision(const volumes::ProvisionRequest& request,
                 std::function<void(const Result<volumes::Provisioned>&)> done) override {
    storage_.provision(host_, request, done);
  }
  void expand(const volumes::ExpandRequest& request, std::function<void(const Result<std::int64_t>&)> done) override {
    done(request.bytes);
  }
  void reclaim(const volumes::ReclaimRequest& request, std::function<void(const Status&)> done) override {
    storage_.reclaim(host_, request, done);
  }

  std::set<std::string> seen;  ///< uids of pods whose mounts can be seen.

 private:
  const std::string host_;
  Storage& storage_;
};

/// One host's agent, as far as claims are concerned.
class Host {
 public:
  Host(const std::string& name, Dice& dice, store::SlowStore& store, const Clock& clock, Storage& storage)
      : name_(name), dice_(dice), store_(store), storage_(storage), clock_(clock), volumes_(name, storage) {
    live_.take({{"live/n1", {.node = "n1", .version = {}, .since = {}}},
                {"live/n2", {.node = "n2", .version = {}, .since = {}}}});
    runner.add(claims_.row());
    attachments_.wake_by(runner.add(attachments_.row()));
    feed_.begin();
  }

  bool work() {
    auto did = loop_.poll() > 0;
    if (const auto due = runner.next_due(); due && *due <= clock_.now()) {
      runner.run_due();
      did = true;
    }
    runner.give_up_waiting();
    writer_.give_up_waiting();
    return did;
  }

  /// Pods of this host come and go, by what its cache knows.
  void drive() {
    for (const auto& name : cache.pods_of_node(name_)) {
      const auto pod = cache.pod(name);
      const auto& uid = pod->meta.uid;
      driven_.insert(uid);
      if (pod->meta.deleting() || granted_.contains(uid) || dice_.one_in(3)) continue;
      volumes::BoundClaim bound;
      const auto claim = references_of(pod->spec).claims.front();
      if (!claims_.resolve(*pod, claim, bound).empty()) continue;
      granted_.insert(uid);
      if (needs_attachment(*cache.claims().at({"default", claim}), *cache.volumes().at({"", bound.volume_name}))) {
        storage_.mount(bound.volume_name, name_, uid);
      }
    }
    const auto driven = driven_;
    for (const auto& uid : driven) {
      const auto object = object_of(uid);
      if (dice_.one_in(2)) volumes_.seen.insert(uid);
      if ((object && !object->meta.deleting()) || dice_.one_in(2)) continue;
      storage_.unmount(uid);
      volumes_.seen.erase(uid);
      granted_.erase(uid);
      if (object) {
        const ObjectKey key{Kind::Pod, object->meta.ns, object->meta.name};
        const auto stored = store_.truth(key);
        if (stored && stored->meta.uid == uid) {
          EXPECT_TRUE(store_.elsewhere({.conditions = {}, .writes = {store::Write::remove(key)}}));
        }
      }
      driven_.erase(uid);
      attachments_.on_gone(uid);
    }
  }
  bool is_idle() const { return runner.is_idle(); }

  bool is_warden = false;

 private:
  PodPtr object_of(const std::string& uid) const {
    for (const auto& name : cache.pods_of_node(name_)) {
      if (auto pod = cache.pod(name); pod->meta.uid == uid) return pod;
    }
    return nullptr;
  }

  const std::string name_;
  LiveNodes live_{name_};
  Dice& dice_;
  store::SlowStore& store_;
  Storage& storage_;
  const Clock& clock_;
  HostVolumes volumes_;
  Loop loop_;
  StoreWriter writer_{loop_, store_, clock_};
  std::unique_ptr<Lane> lane_ = make_inline_lane();
  std::set<std::string> driven_;
  std::set<std::string> granted_;

 public:
  ObjectCache cache;

 private:
  AttachmentController attachments_{{.loop = loop_,
                                     .lane = *lane_,
                                     .cache = cache,
                                     .volumes = volumes_,
                                     .node_name = name_,
                                     .kick = [](const std::string&) {},
                                     .is_driven = [this](const std::string& uid) { return driven_.contains(uid); }}};
  ClaimController claims_{
      {.loop = loop_,
       .clock = clock_,
       .lane = *lane_,
       .cache = cache,
       .store = store_,
       .volumes = volumes_,
       .node_name = name_,
       .kick = [](const std::string&) {},
       .nodes = &live_,
       .is_warden = [this](const ObjectKey&) { return is_warden; },
       .may_mount = [this](const model::Pod& pod,
                           const std::string& volume) { return attachments_.may_mount(pod, volume); }}};

 public:
  ControllerRunner runner{{.loop = loop_, .clock = clock_, .writer = writer_, .events = [](auto&&...) {}}};

 private:
  CacheFeed feed_{loop_,
                  store_,
                  cache,
                  {.on_snapshot = [this](const std::vector<PodPtr>&) { runner.wake_all(); },
                   .on_change = [this](const store::Change& change) { runner.on_change(change); }}};
};

class TwoHosts {
 public:
  TwoHosts(Dice& dice, std::uint64_t seed) : dice_(dice), store(faults(seed)) {
    seed_thread_random(seed);
    for (const auto* name : {"n1", "n2"}) {
      put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{0}","labels":{{
          "kubernetes.io/hostname":"{0}"}}}}}})",
                      name));
    }
    for (const auto* name : {"nfs", "loop", "pool"}) {
      put(fmt::format(R"({{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{{"name":"{0}"}},
          "provisioner":"berth.io/{0}","reclaimPolicy":"Delete","volumeBindingMode":"{1}"}})",
                      name, dice_.one_in(2) ? "Immediate" : "WaitForFirstConsumer"));
    }
    hosts[0]->is_warden = true;
  }

  void put(const std::string& text) {
    const auto raw = parse_json(text);
    ASSERT_TRUE(raw) << text;
    auto object = model::make_object(raw->get_object());
    ASSERT_TRUE(object);
    EXPECT_TRUE(store.elsewhere({.conditions = {}, .writes = {store::Write::put(*std::move(object))}}));
  }
  void remove(const ObjectKey& key, bool gracefully) {
    const auto stored = store.truth(key);
    if (!stored) return;
    if (!gracefully) {
      EXPECT_TRUE(store.elsewhere({.conditions = {}, .writes = {store::Write::remove(key)}}));
      return;
    }
    auto raw = stored->raw;
    model::mark_deleted(key.kind, raw, 0, clock_.wall());
    EXPECT_TRUE(
        store.elsewhere({.conditions = {}, .writes = {store::Write::put(*model::make_object(std::move(raw)))}}));
  }

  void run_for(microseconds span) {
    const auto end = store.now() + span;
    while (store.now() < end) {
      auto did = storage.end_due();
      for (auto& host : hosts) {
        if (!dice_.one_in(3)) did = host->work() || did;
      }
      if (dice_.one_in(20)) {
        for (auto& host : hosts) host->drive();
      }
      if (!did && store.step() == 0) store.run_for(milliseconds(10));
    }
  }

  /// The user, and who is warden.
  void act() {
    const auto number = dice_.below(2);
    const ObjectKey claim{Kind::PersistentVolumeClaim, "default", fmt::format("data-{}", number)};
    const ObjectKey pod{Kind::Pod, "default", fmt::format("web-{}-{}", number, dice_.below(2))};
    switch (dice_.below(7)) {
      case 0:
      case 1:
        if (store.truth(claim)) break;
        put(fmt::format(R"({{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{{"name":"{}",
            "namespace":"default","finalizers":["kubernetes.io/pvc-protection"]}},"spec":{{"accessModes":[
            "ReadWriteOnce"],"storageClassName":"{}","volumeMode":"Filesystem","resources":{{"requests":{{
            "storage":"1Gi"}}}}}},"status":{{"phase":"Pending"}}}})",
                        claim.name, kClasses.at(static_cast<std::size_t>(dice_.below(3)))));
        break;
      case 2:
      case 3:
        if (store.truth(pod)) break;
        put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"}},"spec":{{
            "nodeName":"n{}","containers":[{{"name":"c","image":"x"}}],"volumes":[{{"name":"v",
            "persistentVolumeClaim":{{"claimName":"{}"}}}}]}},"status":{{"phase":"Pending"}}}})",
                        pod.name, 1 + dice_.below(2), claim.name));
        break;
      case 4: remove(pod, /*gracefully=*/!dice_.one_in(4)); break;
      case 5: remove(claim, /*gracefully=*/true); break;
      case 6: turn_warden(dice_.below(2)); break;
      default: break;
    }
  }
  /// That host comes to believe something else: for a while both are wardens, or none is.
  void turn_warden(int host) {
    auto& turned = *hosts.at(static_cast<std::size_t>(host));
    turned.is_warden = !turned.is_warden;
    turned.runner.wake_all();
  }

  bool converges() {
    store.heal();
    hosts[0]->is_warden = true;
    hosts[1]->is_warden = false;
    for (auto& host : hosts) host->runner.wake_all();
    // Who waits for a pod that keeps what it has looks again for ever, and changes nothing. A write that was never
    // answered before the store was healed is waited for, and its back-off with it.
    constexpr seconds kPiece{4};
    constexpr auto kQuiet = 2 * ControllerRunner::kAnswerDeadline;
    auto last = store.revision();
    seconds quiet{0};
    for (int i = 0; i < 600 && quiet < kQuiet; ++i) {
      run_for(kPiece);
      const auto all_idle = hosts[0]->is_idle() && hosts[1]->is_idle() && storage.is_idle();
      quiet = store.revision() != last || !storage.is_idle() ? seconds{0} : quiet + (all_idle ? kQuiet : kPiece);
      last = store.revision();
    }
    return quiet >= kQuiet;
  }

  /// For who reads why it did not.
  std::string shown() const {
    std::string out = fmt::format("busy: {} {} {}\n", hosts[0]->is_idle() ? "" : "n1", hosts[1]->is_idle() ? "" : "n2",
                                  storage.is_idle() ? "" : "storage");
    for (const auto kind :
         {Kind::PersistentVolumeClaim, Kind::PersistentVolume, Kind::VolumeAttachment, Kind::Pod, Kind::Lease}) {
      for (const auto& object : store.truth(kind)) out += json::serialize(object->raw) + "\n";
    }
    return out;
  }

  static store::SlowStoreOptions faults(std::uint64_t seed) {
    const auto much = seed % 4 == 0 ? 0.0 : 1.0;
    return {.seed = seed,
            .aborted = 0.05 * much,
            .refused = 0.03 * much,
            .unavailable = 0.03 * much,
            .lost_answer = 0.02 * much,
            .no_answer = 0.01 * much,
            .lost_watch = 0.01 * much};
  }

 private:
  static constexpr std::array<std::string_view, 3> kClasses{"nfs", "loop", "pool"};
  Dice& dice_;

 public:
  store::SlowStore store;

 private:
  StoreClock clock_{store};

 public:
  Storage storage{dice_, store};
  std::array<std::unique_ptr<Host>, 2> hosts{std::make_unique<Host>("n1", dice_, store, clock_, storage),
                                             std::make_unique<Host>("n2", dice_, store, clock_, storage)};
};

TEST(ClaimHosts, NothingIsMadeTwiceOrDestroyedInUseOrMountedOnTwoHosts) {
  set_log_level(LogLevel::Error);
  std::uint64_t seed = number_in_environment("BERTH_SEED", 1) - 1;
  live_days(6, [&](Dice& dice) {
    TwoHosts world(dice, ++seed);
    for (int i = 0; i < 60; ++i) {
      world.run_for(milliseconds(dice.below(300)));
      world.act();
    }
    ASSERT_TRUE(world.converges()) << world.shown();
    for (const auto& object : world.store.truth(Kind::Pod)) {
      const auto pod = *model::decode_pod(*object);
      const auto claim = world.store.truth({Kind::PersistentVolumeClaim, "default", references_of(pod.spec).claims[0]});
      if (!claim || claim->meta.deleting()) continue;
      EXPECT_EQ(find_string(claim->raw.at("status"), {"phase"}), "Bound") << pod.meta.name << " waits for ever\n"
                                                                          << world.shown();
    }
    world.storage.expect_all_there();
    // Then all goes, and with it what was made.
    for (const auto kind : {Kind::Pod, Kind::PersistentVolumeClaim}) {
      for (const auto& object : world.store.truth(kind)) world.remove(object->key(), /*gracefully=*/true);
      ASSERT_TRUE(world.converges()) << world.shown();
    }
    for (const auto& each : world.store.truth(Kind::PersistentVolume)) ADD_FAILURE() << each->meta.name << " stays";
    for (const auto& each : world.store.truth(Kind::VolumeAttachment)) ADD_FAILURE() << each->meta.name << " is held";
  });
  set_log_level(LogLevel::Info);
}

}  // namespace
}  // namespace berth::agent
