// agent/sources/source_snapshot.cpp - hashes of what a file says.
#include "agent/sources/source_snapshot.hpp"

#include <map>

#include "base/json.hpp"
#include "base/sha256.hpp"

namespace berth::agent {
namespace {

/// The same value with the keys of all objects sorted.
json::value sorted(const json::value& value) {
  if (const auto* array = value.if_array()) {
    json::array copy;
    for (const auto& each : *array) copy.push_back(sorted(each));
    return copy;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return value;
  std::map<std::string_view, const json::value*> fields;
  for (const auto& field : *object) fields[field.key()] = &field.value();
  json::object copy;
  for (const auto& [key, field] : fields) copy[key] = sorted(*field);
  return copy;
}

}  // namespace

std::string content_hash(std::string_view text) { return sha256_hex(text); }

void hash_objects(SourceFile& file) {
  file.object_hashes.clear();
  for (const auto& object : file.manifest.objects) {
    file.object_hashes.push_back(content_hash(json::serialize(sorted(object.raw))));
  }
}

}  // namespace berth::agent
