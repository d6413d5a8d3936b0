// agent/claims/claim_use.hpp - which pods use which claims, and whether one of them may. Pure.
#pragma once

#include "model/model.hpp"

namespace berth::agent {

/// May the pod go on using the claim? Always, unless the claim is being deleted: then only if the pod was there before.
/// A later one waits for the claim's successor, and does not keep the old one.
bool holds_claim(const model::Pod& pod, const model::PersistentVolumeClaim& claim);

/// Where only one pod may use a claim (ReadWriteOncePod, KEP-2485): does `other` go before `pod`? One that has begun
/// goes before one that waits, then the older one; a pod that has ended is in nobody's way.
bool goes_before(const model::Pod& other, const model::Pod& pod);

/// Has the claim the access mode, and no other? (ReadWriteOncePod never has company.)
bool is_exclusive(const model::PersistentVolumeClaim& claim);

}  // namespace berth::agent
