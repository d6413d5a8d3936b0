// agent/sources/source_memories.hpp - the files in stateDir/sources: what each directory of manifests was when it was
// last believed.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace berth::agent {

/// Where the memory of that directory is kept.
std::filesystem::path memory_file(const std::filesystem::path& memories, const std::filesystem::path& directory);

/// Removes the memories of all sources but those named ("directory:/etc/berth/manifests"), and what is no memory; says
/// whose they were. A source that is not in the configuration any more keeps its memory while there are objects that it
/// made: back in the configuration, and with its file system not mounted, its empty directory must not be believed.
/// Blocks.
std::vector<std::string> forget_other_sources(const std::filesystem::path& memories, const std::set<std::string>& keep);

}  // namespace berth::agent
