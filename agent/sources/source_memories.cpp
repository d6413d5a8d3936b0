// agent/sources/source_memories.cpp - see source_memories.hpp.
#include "agent/sources/source_memories.hpp"

#include <system_error>

#include "agent/sources/source_snapshot.hpp"
#include "base/atomic_file.hpp"
#include "base/json.hpp"

namespace berth::agent {

std::filesystem::path memory_file(const std::filesystem::path& memories, const std::filesystem::path& directory) {
  return memories / (content_hash(directory.native()).substr(0, 16) + ".json");
}

std::vector<std::string> forget_other_sources(const std::filesystem::path& memories,
                                              const std::set<std::string>& keep) {
  std::vector<std::string> forgotten;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(memories, error)) {
    if (entry.path().extension() != ".json") continue;  // one that is being written
    const auto text = read_file(entry.path());
    if (!text && text.error().code() != ErrorCode::NotFound) continue;  // it may say anything: next time
    const auto value = text ? parse_json(*text) : text.error();
    const auto source = value ? std::string(find_string(*value, {"source"})) : std::string();
    if (keep.contains(source)) continue;
    std::error_code failed;
    if (std::filesystem::remove(entry.path(), failed)) {
      forgotten.push_back(source.empty() ? entry.path().filename().native() : source);
    }
  }
  return forgotten;
}

}  // namespace berth::agent
