// agent/sources/directory_judge.cpp - see directory_judge.hpp.
#include "agent/sources/directory_judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/sources/name_list.hpp"
#include "base/atomic_file.hpp"
#include "base/json.hpp"

namespace berth::agent {
namespace {

std::set<std::string> missing_from(const std::set<std::string>& now, const std::set<std::string>& before) {
  std::set<std::string> missing;
  std::set_difference(before.begin(), before.end(), now.begin(), now.end(), std::inserter(missing, missing.end()));
  return missing;
}

std::string with_help(const std::string& what) {
  return fmt::format(
      "{}: nothing is deleted. Put them back; or, when this is meant, confirm it with a file {} in the directory", what,
      kConfirmationName);
}

}  // namespace

std::string DirectoryJudge::judge(const DirectorySight& sight, SteadyTime now) {
  if (sight.manifests != last_) {
    last_ = sight.manifests;
    changed_ = now;
  }
  auto why = sight.confirmed ? std::string() : doubt(sight, now);
  doubting_ = !why.empty();
  if (!doubting_) remember(sight, now);
  return why;
}

std::string DirectoryJudge::doubt(const DirectorySight& sight, SteadyTime now) const {
  const auto& before = memory_.manifests;
  if (before.empty()) return {};
  const auto missing = missing_from(sight.manifests, before);
  const bool elsewhere = sight.device != memory_.device;
  const bool another = elsewhere || sight.inode != memory_.inode;
  if (sight.manifests.empty() && another) {
    return with_help(fmt::format("empty, and not the directory in which {} were (is its file system mounted?)",
                                 name_list(before, "manifest")));
  }
  if (sight.manifests.empty() && before.size() > 1) {
    return with_help(fmt::format("{} vanished at once", name_list(before, "manifest")));
  }
  if (elsewhere && missing.size() == before.size()) {
    return with_help(fmt::format("another file system than before, without {} (is the right one mounted?)",
                                 name_list(before, "manifest")));
  }
  if (doubting_ && !missing.empty() && now - changed_ < kOneStep) {
    return fmt::format(
        "being filled again, still without {}: nothing is deleted until it is complete or has not changed for {} s",
        name_list(missing, "manifest"), kOneStep.count());
  }
  return {};
}

void DirectoryJudge::remember(const DirectorySight& sight, SteadyTime now) {
  memory_.device = sight.device;
  memory_.inode = sight.inode;
  // "rm *.yaml" is one step also when we look in the middle of it: what has just gone still counts.
  const bool lost = !missing_from(sight.manifests, memory_.manifests).empty();
  if (!lost) shrunk_.reset();
  if (lost && !shrunk_) shrunk_ = now;
  if (!lost || sight.confirmed || sight.manifests.empty() || now - *shrunk_ >= kOneStep) {
    memory_.manifests = sight.manifests;
    shrunk_.reset();
    return;
  }
  memory_.manifests.insert(sight.manifests.begin(), sight.manifests.end());
}

Result<DirectoryMemory> read_directory_memory(const std::filesystem::path& file) {
  const auto text = read_file(file);
  if (!text) return text.error();
  const auto value = parse_json(*text);
  const auto* object = value ? value->if_object() : nullptr;
  const auto* device = object == nullptr ? nullptr : object->if_contains("device");
  const auto* inode = object == nullptr ? nullptr : object->if_contains("inode");
  const auto* names = object == nullptr ? nullptr : object->if_contains("manifests");
  DirectoryMemory memory;
  boost::system::error_code bad;
  if (device != nullptr) memory.device = device->to_number<std::uint64_t>(bad);
  if (!bad && inode != nullptr) memory.inode = inode->to_number<std::uint64_t>(bad);
  if (bad || device == nullptr || inode == nullptr || names == nullptr || !names->is_array()) {
    return Error(ErrorCode::InvalidArgument, file.native() + ": not what was written there");
  }
  for (const auto& name : names->get_array()) {
    if (const auto* string = name.if_string()) memory.manifests.emplace(*string);
  }
  return memory;
}

Status write_directory_memory(const std::filesystem::path& file, const std::string& source,
                              const DirectoryMemory& memory) {
  json::array names;
  for (const auto& name : memory.manifests) names.emplace_back(name);
  const json::object value{
      {"source", source}, {"device", memory.device}, {"inode", memory.inode}, {"manifests", std::move(names)}};
  if (auto made = make_directories(file.parent_path(), 0700); !made) return made;
  return write_file(file, json::serialize(value) + "\n", 0600);
}

}  // namespace berth::agent
