// agent/sources/source_reader.hpp - reads a directory of manifests: what is a manifest, what changed. Lane thread.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "agent/sources/directory_judge.hpp"
#include "agent/sources/source_snapshot.hpp"

namespace berth::agent {

struct DirectoryLimits {
  std::size_t files = 1000;
  std::size_t total_bytes = 64 * 1024 * 1024;
  model::ManifestLimits manifest;
};

/// Is this the name of a manifest: *.yaml, *.yml, *.json, and no editor's temporary file?
bool is_manifest_name(std::string_view name);

/// What the watcher knows about names, for one read.
struct ReadHints {
  std::set<std::string> changed;  ///< Read these again even if they look the same.
  std::set<std::string> open;     ///< Somebody is writing them.
  bool settled = false;           ///< They had time to become whole: believe what is there.
  SteadyTime now{};
};

/// Keeps what it has read and parses only what changed. One thread at a time.
class DirectoryReader {
 public:
  /// `memory` is the file in which it remembers across restarts what the directory was; without one it begins anew.
  /// `name` is the source's when it is not the directory's own. `hosts`: see read_manifest().
  explicit DirectoryReader(std::filesystem::path directory, const DirectoryLimits& limits = {},
                           std::filesystem::path memory = {}, std::string name = {},
                           model::Hosts hosts = model::Hosts::Alone);

  /// Reads the directory. Never waits for a FIFO or device; a file that cannot be read is in the snapshot with an
  /// error. A directory that cannot be read, or is not believed (see DirectoryJudge), makes it incomplete. Of more
  /// manifests than the limit those that were read before go on, then the first by name; the others keep what they
  /// made.
  SourceSnapshot read(const ReadHints& hints);

  const std::string& name() const { return name_; }

 private:
  struct Known {
    struct stat info {};
    bool racy = false;  ///< Changed so shortly before we read it that a second change may not show.
    std::shared_ptr<const SourceFile> file;
  };

  void recall();
  std::vector<std::string> within_limit(std::vector<std::string> names, SourceSnapshot& snapshot) const;
  void believe(int directory, const std::vector<std::string>& names, SteadyTime now, SourceSnapshot& snapshot);
  std::shared_ptr<const SourceFile> read_entry(int directory, const std::string& name, const ReadHints& hints,
                                               std::size_t& budget);
  void forget_vanished(SourceSnapshot& snapshot, bool settled);
  std::shared_ptr<const SourceFile> failed(const std::string& name, const std::string& message) const;

  std::filesystem::path directory_;
  std::string name_;
  DirectoryLimits limits_;
  std::filesystem::path memory_;
  model::Hosts hosts_;
  std::optional<DirectoryJudge> judge_;  ///< From the first read on.
  std::optional<DirectoryMemory> saved_;
  std::map<std::string, Known> known_;
};

}  // namespace berth::agent
