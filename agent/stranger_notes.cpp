// agent/stranger_notes.cpp - see stranger_notes.hpp.
#include "agent/stranger_notes.hpp"

#include <algorithm>

#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

/// Empty: none.
std::string note_of(const model::ObjectMeta& node) {
  const auto found = node.annotations.find(kStrangerNote);
  return found == node.annotations.end() ? std::string() : found->second;
}

}  // namespace

bool note_strangers(json::object& node, const std::vector<model::Stranger>& strangers) {
  json::array all;
  for (const auto& each : strangers) {
    if (all.size() == kMostNoted) break;
    all.push_back(json::object{{"ns", each.ns}, {"name", each.name}, {"uid", each.uid}});
  }
  auto& meta = model::object_in(node, "metadata");
  if (all.empty()) {
    auto* annotations = meta.if_contains("annotations");
    return annotations != nullptr && annotations->is_object() && annotations->get_object().erase(kStrangerNote) != 0;
  }
  auto& annotations = model::object_in(meta, "annotations");
  const auto text = json::serialize(all);
  if (model::text_at(annotations, kStrangerNote) == text) return false;
  annotations[kStrangerNote] = text;
  return true;
}

std::string node_of_stranger(const model::Pod& pod, const ObjectCache& cache, const std::string& own) {
  for (const auto& [name, node] : cache.nodes()) {
    const auto note = node->meta.name == own ? std::string() : note_of(node->meta);
    if (note.empty()) continue;
    const auto said = parse_json(note);
    if (!said || !said->is_array()) continue;  // Another version's; it holds nothing back.
    const auto is_it = [&](const json::value& stranger) {
      return find_string(stranger, {"ns"}) == pod.meta.ns && find_string(stranger, {"name"}) == pod.meta.name &&
             find_string(stranger, {"uid"}) != pod.meta.uid;
    };
    const auto& all = said->get_array();
    if (std::any_of(all.begin(), all.end(), is_it)) return node->meta.name;
  }
  return {};
}

bool notes_otherwise(const store::Change& node) {
  const auto before = node.previous ? note_of(node.previous->meta) : std::string();
  const auto now = node.type == store::ChangeType::Deleted ? std::string() : note_of(node.object->meta);
  return before != now;
}

}  // namespace berth::agent
