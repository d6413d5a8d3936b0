// agent/claims/claim_controller.cpp - see claim_controller.hpp; what is done to volumes is in claim_actions.cpp.
#include "agent/claims/claim_controller.hpp"

#include <algorithm>
#include <array>

#include "agent/claims/claim_resolver.hpp"
#include "agent/claims/pool_hold.hpp"
#include "agent/claims/volume_parameters.hpp"
#include "agent/objects/change_facts.hpp"
#include "agent/objects/pod_facts.hpp"
#include "agent/objects/unread_row.hpp"

namespace berth::agent {
namespace {

using model::Kind;

model::ObjectKey claim_key(const Name& name) { return {Kind::PersistentVolumeClaim, name.first, name.second}; }
Name name_of(const model::ObjectKey& key) { return {key.ns, key.name}; }
/// The key that a volume is planned with.
model::ObjectKey key_of(const model::PersistentVolume& volume) {
  return volume.claim_name.empty() ? model::ObjectKey{Kind::PersistentVolume, "", volume.meta.name}
                                   : claim_key({volume.claim_ns, volume.claim_name});
}

json::value spec_of(const model::ObjectPtr& object) {
  const auto* spec = object ? object->raw.if_contains("spec") : nullptr;
  return spec == nullptr ? json::value() : *spec;
}

bool says_same(const store::Change& change, std::initializer_list<std::string_view> path) {
  const auto member = path.begin();
  const auto* before = change.previous ? change.previous->raw.if_contains(*member) : nullptr;
  const auto* after = change.object->raw.if_contains(*member);
  if (before == nullptr || after == nullptr) return change.previous && before == after;
  const auto field = *(path.begin() + 1);
  return find_string(*before, {field}) == find_string(*after, {field});
}

/// The claims that a pod as it was stored names.
std::vector<std::string> claims_in(const model::ObjectPtr& pod) {
  if (!pod) return {};
  const auto decoded = model::decode_pod(*pod);
  return decoded ? references_of(decoded->spec).claims : std::vector<std::string>{};
}

}  // namespace

ClaimController::ClaimController(Context context) : context_(std::move(context)) {
  if (context_.nodes == nullptr) return;
  // There, and nothing that the cache could take: nobody deleted it.
  const auto is_unread = [&store = context_.store](const std::string& node) {
    return store.get({Kind::Node, "", node}) != nullptr || is_unread_row(store, "Node", node);
  };
  hosts_.emplace(Hosts{*context_.nodes, context_.cache.nodes(), is_unread});
}

Controller ClaimController::row() {
  return {.name = "claims",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all = [this](const Waker& wake) { wake_all(wake); },
          .plan = [this](const Key& key) { return plan(key); },
          .ended = [this](const Key& key, const Waker& wake) { ended(key, wake); },
          // What is ours of a key is seen by its objects only: the plan asks.
          .is_mine = [](const Key&) { return true; }};
}

void ClaimController::wake_all(const Waker& wake) {
  const auto is_gone = [this](const Name& name) { return !context_.cache.claims().contains(name); };
  std::erase_if(begun_, is_gone);
  std::erase_if(waiting_, [&](const auto& each) { return is_gone(each.first); });
  unbound_.clear();
  index_ = VolumeIndex();
  for (const auto& [claim, volume] : given_) index_.give(volume);
  for (const auto& [name, claim] : context_.cache.claims()) {
    if (claim->phase != "Bound") unbound_.insert(name);
    wake(claim_key(name));
  }
  for (const auto& [name, volume] : context_.cache.volumes()) {
    index_.put(volume);
    wake(key_of(*volume));
  }
  if (hosts_) wake(pools_key());
}

void ClaimController::wakes(const store::Change& change, const Waker& wake) {
  const auto& object = *change.object;
  if (object.kind == Kind::PersistentVolumeClaim) {
    on_claim(change, wake);
  } else if (object.kind == Kind::PersistentVolume) {
    on_volume(change, wake);
  } else if (object.kind == Kind::Pod) {
    on_pod(change, wake);
  } else if (object.kind == Kind::StorageClass) {
    on_class(object.meta.name, wake);
  } else if (object.kind == Kind::Secret) {
    on_secret({object.meta.ns, object.meta.name}, wake);
  } else if (hosts_ && object.kind == Kind::Lease && object.key() == pools_key()) {
    for (const auto& name : pool_waiting_) wake(claim_key(name));
  } else if (hosts_ && object.kind == Kind::VolumeAttachment) {
    // With the last of a volume that nobody claims its content may go.
    const auto volume = index_.find(object.meta.name);
    if (volume) wake(key_of(*volume));
  } else if (object.kind == Kind::Node && moves_pods(change)) {
    wake_waiting(wake);  // Another volume may be within reach.
    wake_of_nodes(wake);
  }
}

/// Those of volumes that some nodes have and others do not, and of those that one of them gave out or began to remove.
void ClaimController::wake_of_nodes(const Waker& wake) const {
  for (const auto& [name, volume] : context_.cache.volumes()) {
    const auto of_nodes = !volume->node_affinity.empty() || is_being_reclaimed(*volume) ||
                          !annotation_of(volume->meta, kProvisionedOn).empty();
    if (!of_nodes || volume->claim_name.empty()) continue;
    kick_users({volume->claim_ns, volume->claim_name});
    wake(claim_key({volume->claim_ns, volume->claim_name}));
  }
}

void ClaimController::wake_waiting(const Waker& wake) const {
  for (const auto& name : unbound_) wake(claim_key(name));
}

void ClaimController::on_claim(const store::Change& change, const Waker& wake) {
  const auto key = change.object->key();
  const auto name = name_of(key);
  const auto found = context_.cache.claims().find(name);
  if (found == context_.cache.claims().end()) {
    unbound_.erase(name);
    waiting_.erase(name);
  } else if (found->second->phase == "Bound") {
    unbound_.erase(name);
  } else {
    unbound_.insert(name);
  }
  kick_users(name);
  // Somebody asks for something else: what failed before says nothing about it.
  if (spec_of(change.previous) != spec_of(change.object)) {
    begun_.erase(name);
    wake.anew(key);
  } else {
    wake(key);
  }
}

void ClaimController::on_volume(const store::Change& change, const Waker& wake) {
  const auto& name = change.object->meta.name;
  const auto before = index_.find(name);
  const auto found = context_.cache.volumes().find({"", name});
  const auto after = found == context_.cache.volumes().end() ? nullptr : found->second;
  if (after) {
    index_.put(after);
  } else {
    index_.drop(name);
  }
  for (const auto& volume : {before, after}) {
    if (!volume || volume->claim_name.empty()) continue;
    const Name claim{volume->claim_ns, volume->claim_name};
    kick_users(claim);
    wake(claim_key(claim));
  }
  if (!after) return;
  if (after->claim_name.empty()) wake({Kind::PersistentVolume, "", name});
  if (is_free(*after)) wake_for(*after, wake);
}

/// A free volume: for those that may have waited for one.
void ClaimController::wake_for(const model::PersistentVolume& volume, const Waker& wake) const {
  const auto* preset = default_class(context_.cache.storage_classes());
  for (const auto& claim : unbound_) {
    const auto& wanted = *context_.cache.claims().at(claim);
    if (wanted.volume_name == volume.meta.name || class_of(wanted, preset) == volume.storage_class_name) {
      wake(claim_key(claim));
    }
  }
}

void ClaimController::on_class(const std::string& name, const Waker& wake) {
  for (const auto& [claim, wanted] : context_.cache.claims()) {
    // It may be the default by now, or no longer.
    if (wanted->phase == "Bound" && wanted->storage_class_name != name) continue;
    begun_.erase(claim);
    wake.anew(claim_key(claim));
  }
  for (const auto& [key, volume] : context_.cache.volumes()) {
    if (volume->storage_class_name == name && !volume->claim_name.empty()) {
      wake.anew(claim_key({volume->claim_ns, volume->claim_name}));
    }
  }
}

/// Passwords of targets: for volumes that pods wait for, and for provisioners that failed without.
void ClaimController::on_secret(const Name& secret, const Waker& wake) {
  for (const auto& name : index_.with_secret(secret)) {
    const auto volume = index_.find(name);
    kick_users({volume->claim_ns, volume->claim_name});
    if (!volume->claim_name.empty()) wake.anew(claim_key({volume->claim_ns, volume->claim_name}));
  }
  const auto& classes = context_.cache.storage_classes();
  const auto asks = [&](const auto& entry) { return secret_of(entry.second->parameters, secret.first) == secret; };
  if (std::none_of(classes.begin(), classes.end(), asks)) return;
  for (const auto& name : unbound_) wake.anew(claim_key(name));
}

/// A first consumer, one that runs now, or the last user of a released volume is gone.
void ClaimController::on_pod(const store::Change& change, const Waker& wake) {
  const Name name{change.object->meta.ns, change.object->meta.name};
  const auto other = is_other_object(change);
  const auto moved = other || !says_same(change, {"spec", "nodeName"});
  const auto turned = other || !says_same(change, {"status", "phase"});
  if (!moved && !turned) return;
  const auto gone = change.type == store::ChangeType::Deleted;
  auto claims = std::vector<std::string>{};
  if (gone) {
    claims = claims_in(change.object);
  } else if (const auto pod = context_.cache.pod(name)) {
    claims = references_of(pod->spec).claims;
  }
  if (other && change.previous && !gone) {
    const auto left = claims_in(change.previous);
    claims.insert(claims.end(), left.begin(), left.end());
  }
  for (const auto& claim : claims) {
    kick_users({name.first, claim});  // Whoever waits for a ReadWriteOncePod claim.
    wake(claim_key({name.first, claim}));
  }
}

void ClaimController::kick_users(const Name& claim) const {
  for (const auto& name : context_.cache.pods_using(claim_key(claim))) {
    const auto pod = context_.cache.pod(name);
    if (pod->status.phase != "Running") context_.kick(pod->meta.uid);
  }
}

std::string ClaimController::resolve(const model::Pod& pod, const std::string& claim,
                                     volumes::BoundClaim& bound) const {
  const auto waiting = waiting_.find({pod.meta.ns, claim});
  auto why = resolve_claim(context_.cache, context_.node_name, pod, claim,
                           waiting == waiting_.end() ? std::string() : waiting->second, bound);
  if (!context_.may_mount) bound.holder.clear();
  if (context_.held_until) bound.held_until = context_.held_until();
  if (why.empty() && context_.may_mount) why = context_.may_mount(pod, bound.volume_name);
  return why;
}

ClaimFacts ClaimController::facts_for(const Name& name) const {
  const auto& cache = context_.cache;
  const auto node = cache.nodes().find({"", context_.node_name});
  ClaimFacts facts{.claims = &cache.claims(),
                   .volumes = &index_,
                   .classes = &cache.storage_classes(),
                   .node = node == cache.nodes().end() ? nullptr : node->second.get(),
                   .use = {},
                   .hosts = hosts_ ? &*hosts_ : nullptr,
                   .is_warden = is_warden(claim_key(name)),
                   .attachments = &cache.attachments()};
  const auto claim = cache.claims().find(name);
  std::vector<PodPtr> users;
  for (const auto& user : cache.pods_using(claim_key(name))) {
    const auto pod = cache.pod(user);
    const bool here = pod->spec.node_name == context_.node_name;
    facts.use.mounted = true;
    facts.use.here = facts.use.here || here;
    facts.use.running = facts.use.running || (here && pod->status.phase == "Running");
    facts.use.held = facts.use.held || (claim != cache.claims().end() && holds_claim(*pod, *claim->second));
    if (hosts_) users.push_back(pod);
  }
  if (hosts_) facts.use.place = first_place(users);
  return facts;
}

bool ClaimController::is_warden(const Key& key) const { return !context_.is_warden || context_.is_warden(key); }

Work ClaimController::plan(const Key& key) {
  if (key.kind == Kind::Lease) return give_back_pools();
  if (key.kind == Kind::PersistentVolume) {
    const auto volume = index_.find(key.name);
    if (!volume || !volume->claim_name.empty()) return {};
    return carry_out({}, plan_unclaimed_volume(*volume, hosts_ ? &*hosts_ : nullptr, is_warden(key)));
  }
  const auto name = name_of(key);
  return carry_out(name, plan_claim(facts_for(name), name));
}

void ClaimController::ended(const Key& key, const Waker& wake) {
  const auto name = name_of(key);
  if (const auto given = given_.find(name); given != given_.end()) {
    index_.take_back(given->second);
    const auto volume = index_.find(given->second);
    given_.erase(given);
    if (volume && is_free(*volume)) wake_for(*volume, wake);  // It came to nothing.
  }
  if (const auto going = going_.find(name); going != going_.end()) {
    const auto volume = index_.find(going->second);
    going_.erase(going);
    // Another claim's by now, or nobody's: that waits for this end.
    if (volume && key_of(*volume) != key) wake(key_of(*volume));
  }
  if (pool_user_ == name) {
    pool_user_.reset();
    for (const auto& next : hosts_ ? pool_waiting_ : std::exchange(pool_waiting_, {})) wake(claim_key(next));
  }
  if (pool_turn_ == 0 || pool_user_ || !pool_waiting_.empty()) return;
  pool_turn_ = 0;
  wake(pools_key());  // Nobody here wants it any more.
}

/// An event; which reasons are warnings is Kubernetes' decision.
EventText ClaimController::event(const Key& about, const std::string& uid, std::string reason,
                                 std::string message) const {
  constexpr std::array<std::string_view, 7> kWarnings{"ProvisioningFailed", "FailedBinding", "VolumeMismatch",
                                                      "VolumeResizeFailed", "ClaimLost",     "VolumeFailedDelete",
                                                      "VolumeFailedRecycle"};
  const bool warns = std::find(kWarnings.begin(), kWarnings.end(), reason) != kWarnings.end();
  return {about, uid, warns ? "Warning" : "Normal", std::move(reason), std::move(message)};
}

void ClaimController::set_waiting(const Name& claim, const std::string& message) {
  auto& last = waiting_[claim];
  if (last == message) return;
  last = message;
  kick_users(claim);
}

void ClaimController::report(const WaitingClaim& waiting, Work& work) {
  const auto name = name_of(waiting.claim);
  const auto known = waiting_.find(name);
  if (known != waiting_.end() && known->second == waiting.message) return;
  set_waiting(name, waiting.message);
  const auto claim = context_.cache.claims().find(name);
  work.events.push_back(event(waiting.claim,
                              claim == context_.cache.claims().end() ? std::string() : claim->second->meta.uid,
                              waiting.reason, waiting.message));
}

}  // namespace berth::agent
