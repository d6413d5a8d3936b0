// agent/objects/change_facts.hpp - what a change touches, for those who are woken by it. Pure.
#pragma once

#include "store/store.hpp"

namespace berth::agent {

/// Another object than before: new, gone, or made again under its name between two looks.
bool is_other_object(const store::Change& change);

/// Of a node: does it touch where pods may run (labels, taints, cordon)? Heartbeats and conditions do not.
bool moves_pods(const store::Change& change);

/// Did somebody ask for something else? The spec differs, or it began to be deleted, or a finalizer went.
bool asks_anew(const store::Change& change);

}  // namespace berth::agent
