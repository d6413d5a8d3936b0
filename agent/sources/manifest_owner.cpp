// agent/sources/manifest_owner.cpp - see manifest_owner.hpp.
#include "agent/sources/manifest_owner.hpp"

namespace berth::agent {

ManifestOwner owner_of(const model::Object& object, const std::string& node) {
  const auto found = object.meta.annotations.find(std::string(kSourceAnnotation));
  if (found == object.meta.annotations.end()) return {};
  const auto& text = found->second;
  // A node's name has no colon, and every id has one before its first slash.
  const auto slash = text.find('/');
  const bool named = slash != std::string::npos && text.find(':') > slash;
  ManifestOwner owner;
  owner.node = named ? text.substr(0, slash) : std::string();
  owner.id = named ? text.substr(slash + 1) : text;
  owner.foreign = named && owner.node != node;
  return owner;
}

}  // namespace berth::agent
