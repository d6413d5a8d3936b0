// agent/sources/manifest_plan.cpp - what to write for what the sources say; pure, see manifest_applier.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "agent/sources/manifest_applier.hpp"
#include "model/deletion.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using model::ObjectKey;
using model::ObjectPtr;

/// One file's say about one object.
struct Claim {
  const SourceFile* file = nullptr;
  const model::Object* object = nullptr;
  const std::string* hash = nullptr;
};

std::string hash_in(const model::Object& object) {
  const auto found = object.meta.annotations.find(std::string(kSourceHashAnnotation));
  return found == object.meta.annotations.end() ? std::string() : found->second;
}

/// "/etc/berth/manifests/web.yaml", for a reader.
std::string file_name(const std::string& id) { return id.substr(id.find(':') + 1); }

Finding finding(LogLevel level, const std::string& id, const ObjectKey& key, std::string message) {
  model::Problem problem;
  problem.file = file_name(id);
  problem.object = key.display();
  problem.message = std::move(message);
  return {level, std::move(problem), source_of(id)};
}

/// Takes `path` from `old` unless `wanted` says something itself.
void keep(json::object& wanted, const json::object& old, std::string_view parent, std::string_view name) {
  const auto* from = old.if_contains(parent);
  const auto* value = from != nullptr && from->is_object() ? from->get_object().if_contains(name) : nullptr;
  if (value == nullptr) return;
  auto& to = model::object_in(wanted, parent);
  if (!to.contains(name)) to[name] = *value;
}

/// Annotations of the system, not of the user: they are not the file's to remove.
bool is_system_annotation(std::string_view key) {
  const auto domain = key.substr(0, key.find('/'));
  return domain == "berth.io" || domain.ends_with(".berth.io") || domain == "kubernetes.io" ||
         domain.ends_with(".kubernetes.io");
}

void set_owner(json::object& raw, const std::string& node, const std::string& id, const std::string& hash) {
  auto& annotations = model::object_in(model::object_in(raw, "metadata"), "annotations");
  annotations[kSourceAnnotation] = is_cluster_source(id) ? id : node + "/" + id;
  annotations[kSourceHashAnnotation] = hash;
}

/// What the file wants, with what the server and the agent keep in the object.
json::object merged(const model::Object& wanted, const model::Object& old) {
  auto raw = wanted.raw;
  for (const auto* field : {"uid", "creationTimestamp", "resourceVersion", "generation", "deletionTimestamp",
                            "deletionGracePeriodSeconds", "finalizers", "ownerReferences"}) {
    keep(raw, old.raw, "metadata", field);
  }
  for (const auto& [key, value] : old.meta.annotations) {
    auto& annotations = model::object_in(model::object_in(raw, "metadata"), "annotations");
    if (is_system_annotation(key) && !annotations.contains(key)) annotations[key] = value;
  }
  if (const auto* status = old.raw.if_contains("status")) raw["status"] = *status;
  // Fields of the specification that others fill in when the file leaves them open.
  struct Filled {
    Kind kind;
    const char* field;
  };
  constexpr std::array kFilled{Filled{Kind::Pod, "nodeName"}, Filled{Kind::PersistentVolumeClaim, "volumeName"},
                               Filled{Kind::PersistentVolumeClaim, "storageClassName"},
                               Filled{Kind::PersistentVolume, "claimRef"}};
  for (const auto& filled : kFilled) {
    if (filled.kind == wanted.kind) keep(raw, old.raw, "spec", filled.field);
  }
  model::keep_filled(wanted.kind, raw, old.raw);
  return raw;
}

class Planner {
 public:
  Planner(const std::vector<SourceSnapshot>& sources, const StoredObjects& stored, const std::string& node,
          OwnPods own_pods, WallTime now)
      : sources_(sources), stored_(stored), node_(node), own_pods_(own_pods), now_(now) {}

  ManifestPlan run() {
    for (const auto& source : sources_) names_.insert(source.name);
    for (const auto& source : sources_) read(source);
    for (const auto& [key, claims] : claims_) {
      if (const auto* winner = choose(key, claims)) apply(key, *winner);
    }
    add_namespaces();
    remove_unclaimed();
    std::stable_sort(plan_.writes.begin(), plan_.writes.end(), [](const auto& a, const auto& b) {
      return a.key.kind < b.key.kind;  // a namespace before what is in it, a claim before its pod
    });
    std::move(removals_.rbegin(), removals_.rend(), std::back_inserter(plan_.writes));
    return std::move(plan_);
  }

 private:
  void read(const SourceSnapshot& source) {
    if (source.complete) complete_.insert(source.name);
    for (const auto& problem : source.problems) plan_.findings.push_back({LogLevel::Error, problem, source.name});
    for (const auto& file : source.files) {
      if (file->vanished) {
        vanished_.insert(file->id);
        continue;
      }
      if (!file->sound()) held_.insert(file->id);
      if (file->settling) continue;
      for (const auto& problem : file->manifest.errors)
        plan_.findings.push_back({LogLevel::Error, problem, source.name});
      for (const auto* problems : {&file->manifest.left_out, &file->manifest.warnings}) {
        for (const auto& problem : *problems) plan_.findings.push_back({LogLevel::Warning, problem, source.name});
      }
      if (!file->sound()) continue;
      const auto& objects = file->manifest.objects;
      for (std::size_t at = 0; at < objects.size(); ++at) {
        claims_[objects[at].key()].push_back({file.get(), &objects[at], &file->object_hashes.at(at)});
      }
    }
  }

  /// Where hosts share the store a source of the cluster is somebody else's to judge unless we read it.
  ManifestOwner whose(const model::Object& object) const {
    auto owner = owner_of(object, node_);
    if (own_pods_ == OwnPods::Here && is_cluster_source(owner.id))
      owner.foreign = !names_.contains(source_of(owner.id));
    return owner;
  }

  ObjectPtr stored(const ObjectKey& key) const {
    const auto found = stored_.find(key);
    return found == stored_.end() ? nullptr : found->second;
  }

  /// Which claim holds; null when the object belongs to a file that cannot be read just now.
  const Claim* choose(const ObjectKey& key, const std::vector<Claim>& claims) {
    const auto old = stored(key);
    const auto before = old == nullptr ? ManifestOwner() : whose(*old);
    const auto owner = before.foreign ? std::string() : before.id;
    const Claim* winner = held_.contains(owner) ? nullptr : &claims.front();
    for (const auto& claim : claims) {
      if (claim.file->id == owner) {
        winner = &claim;
        break;
      }
    }
    const auto holder = winner == nullptr ? owner : winner->file->id;
    for (const auto& claim : claims) {
      if (&claim == winner) continue;
      // Not twice in one file: the parser refuses that.
      plan_.findings.push_back(
          finding(LogLevel::Error, claim.file->id, key, "is also in " + file_name(holder) + ", which keeps it"));
    }
    return winner;
  }

  void apply(const ObjectKey& key, const Claim& claim) {
    const auto& id = claim.file->id;
    const auto& hash = *claim.hash;
    const auto old = stored(key);
    if (old == nullptr) {
      if (is_ending(key.ns)) return;  // made, with a new namespace, once that is gone
      auto raw = claim.object->raw;
      set_owner(raw, node_, id, hash);
      if (key.kind == Kind::Pod && own_pods_ == OwnPods::Here && !is_cluster_source(id)) {
        auto& spec = raw.at("spec").get_object();
        if (find_string(raw.at("spec"), {"nodeName"}).empty()) spec["nodeName"] = node_;
      }
      return add({PlannedWrite::Verb::Create, key, std::move(raw), 0, id});
    }
    if (old->meta.deleting()) return;  // made again once it is gone
    const auto owner = whose(*old);
    const auto becomes_the_clusters = is_cluster_source(id) && !is_cluster_source(owner.id);
    if (owner.foreign && (hash_in(*old) != hash || !becomes_the_clusters)) {
      if (hash_in(*old) == hash) return;
      const auto of = owner.node.empty() ? std::string("the cluster") : "host " + owner.node;
      plan_.findings.push_back(finding(LogLevel::Error, id, key,
                                       fmt::format("is made by {} of {}, which keeps it", file_name(owner.id), of)));
      return;
    }
    if (hash_in(*old) == hash) {
      if (owner.id == id && owner.node.empty() == is_cluster_source(id)) return;
      auto raw = old->raw;  // the file was renamed, or berth 0.1 made it: only the record moves
      set_owner(raw, node_, id, hash);
      return add({PlannedWrite::Verb::Update, key, std::move(raw), old->meta.resource_version, id});
    }
    if (owner.id.empty() && key.kind != Kind::Namespace) {
      plan_.findings.push_back(finding(LogLevel::Warning, id, key,
                                       "was made through the API; from now on this file decides, and takes it over"));
    }
    auto raw = merged(*claim.object, *old);
    set_owner(raw, node_, id, hash);
    auto problems = model::validate(key.kind, raw, &old->raw);
    if (problems.empty()) {
      return add({PlannedWrite::Verb::Update, key, std::move(raw), old->meta.resource_version, id});
    }
    if (key.kind == Kind::Pod && model::validate(key.kind, raw, nullptr).empty()) return remove(*old, id);
    for (auto& problem : problems) {
      problem.file = file_name(id);
      if (problem.object.empty()) problem.object = key.display();
      plan_.findings.push_back({LogLevel::Error, std::move(problem), source_of(id)});
    }
  }

  /// Takes nothing new: it is being deleted.
  bool is_ending(const std::string& ns) const {
    const auto home = ns.empty() ? nullptr : stored(ObjectKey{Kind::Namespace, "", ns});
    return home != nullptr && home->meta.deleting();
  }

  void add(PlannedWrite write) { plan_.writes.push_back(std::move(write)); }

  void add_namespaces() {
    std::set<std::string> missing;
    for (const auto& write : plan_.writes) {
      if (write.verb == PlannedWrite::Verb::Create && !write.key.ns.empty()) missing.insert(write.key.ns);
    }
    for (const auto& name : missing) {
      const ObjectKey key{Kind::Namespace, "", name};
      if (stored(key) != nullptr || claims_.contains(key)) continue;
      json::object raw{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
      model::apply_defaults(Kind::Namespace, raw);
      add({PlannedWrite::Verb::Create, key, std::move(raw), 0, {}});
    }
  }

  void remove_unclaimed() {
    for (const auto& [key, object] : stored_) {
      const auto maker = whose(*object);
      const auto& owner = maker.id;
      if (owner.empty() || maker.foreign || claims_.contains(key) || held_.contains(owner) || vanished_.contains(owner))
        continue;
      if (!complete_.contains(source_of(owner))) continue;
      // Data outlives a manifest, and a namespace may hold what others made.
      if (key.kind == Kind::PersistentVolumeClaim || key.kind == Kind::Namespace) continue;
      // What a controller makes from a template carries the template's annotations: it is the controller's.
      if (object->meta.controller() != nullptr) continue;
      remove(*object, owner);
    }
  }

  void remove(const model::Object& object, const std::string& file) {
    const auto key = object.key();
    const auto revision = object.meta.resource_version;
    const auto is_promised = model::is_bound_volume(object);
    if (!model::deletes_gracefully(key.kind) && object.meta.finalizers.empty() && !is_promised) {
      removals_.push_back({PlannedWrite::Verb::Remove, key, {}, revision, file});
      return;
    }
    if (object.meta.deleting()) return;
    auto raw = object.raw;
    if (is_promised) model::add_finalizer(raw, model::kVolumeProtection);
    model::mark_deleted(key.kind, raw, std::nullopt, now_);
    removals_.push_back({PlannedWrite::Verb::Update, key, std::move(raw), revision, file});
  }

  const std::vector<SourceSnapshot>& sources_;
  const StoredObjects& stored_;
  const std::string& node_;
  const OwnPods own_pods_;
  WallTime now_;
  std::set<std::string> names_;                     ///< Of the sources.
  std::map<ObjectKey, std::vector<Claim>> claims_;  ///< By configuration's order of sources, then file, then place.
  std::set<std::string> held_;                      ///< Files that keep what they made.
  std::set<std::string> vanished_;                  ///< So do these, unless another file claims it.
  std::set<std::string> complete_;                  ///< Sources that were read to the end.
  std::vector<PlannedWrite> removals_;
  ManifestPlan plan_;
};

}  // namespace

ManifestPlan plan_manifests(const std::vector<SourceSnapshot>& sources, const StoredObjects& stored,
                            const std::string& node, OwnPods own_pods, WallTime now) {
  return Planner(sources, stored, node, own_pods, now).run();
}

}  // namespace berth::agent
