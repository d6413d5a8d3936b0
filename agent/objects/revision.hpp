// agent/objects/revision.hpp - revisions of a pod template: name, hash, ControllerRevision object. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/workloads.hpp"

namespace berth::agent {

/// Ten letters and digits that name this template: equal templates, whatever the order of their
/// keys, give equal text.
std::string template_hash(const json::object& pod_template);

/// The label of pods, and of a DaemonSet's revisions, that tells revisions apart. For pods of a StatefulSet it is the
/// revision's name, for those of a DaemonSet the hash alone, as Kubernetes has it.
inline constexpr const char* kRevisionLabel = "controller-revision-hash";

/// A stored revision as a plan needs it.
struct Revision {
  json::object pod_template() const { return parse_json(template_text)->as_object(); }

  std::string name;  ///< "<set>-<hash>"
  std::int64_t number = 0;
  std::string template_text;  ///< JSON, a fifth of what it is as a tree: of most, nobody asks more than the name.
  std::string owner_uid;      ///< Of the set; empty: nobody's.
  std::string hash_label;     ///< What kRevisionLabel says; empty: nothing.
};

/// The ControllerRevision (apps/v1) that keeps `pod_template` for the set described by `owner`.
json::object make_revision_object(const model::ObjectMeta& owner, std::string_view owner_kind, const std::string& hash,
                                  std::int64_t number, const json::object& pod_template);

/// Reads one back; InvalidArgument when it has no template.
Result<Revision> decode_revision(const model::Object& object);

/// ownerReferences entry with controller=true for that set.
json::object make_owner_reference(const model::ObjectMeta& owner, std::string_view kind);

}  // namespace berth::agent
