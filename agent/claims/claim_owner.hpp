// agent/claims/claim_owner.hpp - which host does what is to be done for a claim or a volume, where several share a
// store. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/objects/live_nodes.hpp"
#include "agent/objects/object_cache.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// Annotation of a claim: the node that makes its volume. Written before anything is made, so that no other makes it,
/// too. (Kubernetes' own word for where a claim was sent.)
constexpr std::string_view kSelectedNode = "volume.kubernetes.io/selected-node";
/// Annotations of a PersistentVolume: the node that decides what becomes of its content, and nobody else from then on;
/// and the one that has the notes of which disk it is (a pool's).
constexpr std::string_view kReclaiming = "berth.io/reclaiming";
constexpr std::string_view kProvisionedOn = "berth.io/provisioned-on";

/// The hosts of one store, as far as they are known here.
struct Hosts {
  const LiveNodes& live;
  const Typed<model::Node>& nodes;
  /// Is there a Node of that name which this version cannot read? Empty: never.
  std::function<bool(const std::string& node)> is_unread{};

  /// Somebody said that it does not come back: its Node is deleted, or has the taint
  /// node.kubernetes.io/out-of-service. Never of one that is there. One that is merely silent is not lost, and neither
  /// is one whose Node cannot be read.
  bool is_lost(const std::string& node) const;
};

struct Owner {
  std::string node{};  ///< Empty: whoever is warden of the claim's name.
  bool waits = false;  ///< The node is silent, and nobody takes its place: nothing is done until it is back, or lost.
};

/// The node of a claim's first pod that has one: the oldest, then the first by name. Pods that have ended do not count.
std::string first_place(const std::vector<PodPtr>& users);

/// Does only the host that provisions for this class have what it makes?
bool makes_local(const model::StorageClass& storage_class);

/// Who binds and provisions the claim, grows its volume, says that it is lost. `volume`: that it is bound to, null when
/// it is not, or that is gone. `storage_class`: may be null. `place`: see first_place().
///
/// A bound claim is its volume's owner's. Of those that are not bound: what is local is made by the node that the claim
/// was given to, else by its first pod's; everything else by the warden, unless another has begun.
Owner owner_of_claim(const model::PersistentVolumeClaim& claim, const model::PersistentVolume* volume,
                     const model::StorageClass* storage_class, const std::string& place, const Hosts& hosts);

/// Who removes the volume's content: the one that said so, that has notes of it, or that reaches it; of several the
/// first by name of those that are there. The warden of what all reach, and of what nobody reaches any more.
Owner owner_of_volume(const model::PersistentVolume& volume, const Hosts& hosts);

/// Is it this host? `is_warden`: of what is the warden's.
bool is_own(const Owner& owner, const Hosts& hosts, bool is_warden);

/// metadata.annotations[name], or empty.
std::string annotation_of(const model::ObjectMeta& meta, std::string_view name);

/// Has somebody begun to decide what becomes of its content? Then it is nobody's to bind.
bool is_being_reclaimed(const model::PersistentVolume& volume);

/// Is it one host's alone, by its name? Then no other can mount it.
bool is_pinned(const model::PersistentVolume& volume);

}  // namespace berth::agent
