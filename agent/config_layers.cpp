// agent/config_layers.cpp - see config_layers.hpp.
#include "agent/config_layers.hpp"

#include <set>

namespace berth::agent {

void ConfigLayers::lay(const std::string& text, const std::string& file) {
  file_ = file;
  if (first_.empty()) first_ = file;
  said_by_[""] = file;  // For what is found wrong at the root, here.
  const auto over = YAML::Load(text);
  if (!over.IsNull() && !over.IsMap()) throw BadConfig{over.Mark(), "", "must be a mapping"};
  if (file == first_) {
    root_.reset(over);
  } else if (over.IsMap()) {
    root_.reset(merge(root_.IsMap() ? root_ : YAML::Node(YAML::NodeType::Map), over, ""));
  }
  said_by_.erase("");
}

YAML::Node ConfigLayers::merge(const YAML::Node& below, const YAML::Node& over, const std::string& path) {
  const auto at = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  std::set<std::string> keys;
  for (const auto& entry : over) {
    const auto key = entry.first.IsScalar() ? entry.first.Scalar() : std::string("?");
    if (keys.insert(key).second) continue;
    said_by_[at(key)] = file_;
    throw BadConfig{entry.first.Mark(), at(key), "given twice"};
  }
  // A new mapping: nodes are shared by anchors and aliases, and one of them shall not change with the other.
  YAML::Node merged(YAML::NodeType::Map);
  std::set<std::string> there;
  for (const auto& entry : below) {
    const auto key = entry.first.IsScalar() ? entry.first.Scalar() : std::string("?");
    there.insert(key);
    const auto value = over[key];
    if (!value.IsDefined() || value.IsNull()) {
      merged.force_insert(entry.first, entry.second);
    } else if (value.IsMap() && entry.second.IsMap()) {
      merged.force_insert(entry.first, merge(entry.second, value, at(key)));
    } else {
      said_by_[at(key)] = file_;
      merged.force_insert(entry.first, value);
    }
  }
  for (const auto& entry : over) {
    const auto key = entry.first.IsScalar() ? entry.first.Scalar() : std::string("?");
    if (there.contains(key)) continue;
    said_by_[at(key)] = file_;
    merged.force_insert(entry.first, entry.second);
  }
  return merged;
}

const std::string& ConfigLayers::file_of(const std::string& path) const {
  for (auto part = path;;) {
    if (const auto found = said_by_.find(part); found != said_by_.end()) return found->second;
    if (part.empty()) return first_;
    const auto cut = part.find_last_of(".[");
    part.resize(cut == std::string::npos ? 0 : cut);
  }
}

}  // namespace berth::agent
