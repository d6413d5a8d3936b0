// agent/stranger_notes.hpp - strangers as the other hosts hear of them: an annotation of the Node, which goes with it.
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "model/host_status.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// [{"ns":"default","name":"db-0","uid":"..."}]
inline constexpr const char* kStrangerNote = "berth.io/strangers";
/// An object has to stay small: of more strangers than that the others do not hear.
inline constexpr std::size_t kMostNoted = 200;

/// Writes them into our Node. False: it says so already.
bool note_strangers(json::object& node, const std::vector<model::Stranger>& strangers);

/// The other node on which a stranger has the pod's name; empty: none says so. Of names alone: a DaemonSet has a pod on
/// each host.
std::string node_of_stranger(const model::Pod& pod, const ObjectCache& cache, const std::string& own);

/// Does the Node say something else of its strangers than before?
bool notes_otherwise(const store::Change& node);

}  // namespace berth::agent
