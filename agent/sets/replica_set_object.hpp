// agent/sets/replica_set_object.hpp - the ReplicaSet of one template of a Deployment: its object, its revision, and
// what it notes for `rollout history`. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "model/model.hpp"

namespace berth::agent {

inline constexpr const char* kRevision = "deployment.kubernetes.io/revision";
inline constexpr const char* kTemplateHash = "pod-template-hash";

/// Ten letters that name the Deployment's template; another ten after each collision.
std::string hash_for(const model::Deployment& deployment);

/// Is it the set of that template? What tells templates apart does not count, nor do defaults that were not filled in
/// when it was made.
bool is_of_template(const model::ReplicaSet& set, const json::object& pod_template);

/// The Deployment's template that it was made of.
json::object template_of(const model::ReplicaSet& set);

/// The number in kRevision; 0: none.
std::int64_t revision_of(const model::ReplicaSet& set);

/// What the newest set's annotations have to be: the Deployment's own, the number of the revision, and which numbers it
/// had before, when the template went back to it.
model::StringMap annotations_for(const model::Deployment& deployment, model::StringMap now, std::int64_t revision);

/// A new one. `annotations` are whole.
json::object make_replica_set(const model::Deployment& deployment, const std::string& hash, std::int32_t replicas,
                              const model::StringMap& annotations);

}  // namespace berth::agent
