// agent/sources/source_directory.hpp - a directory of manifests, watched with inotify and read again now and then.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "agent/sources/source_reader.hpp"
#include "agent/sources/source_snapshot.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"

namespace berth::agent {

struct DirectorySourceOptions {
  std::filesystem::path directory;
  std::string name;                          ///< The source's; empty: the directory's own.
  std::chrono::milliseconds rescan{60'000};  ///< Even without an event: events may be lost, links may point elsewhere.
  std::chrono::milliseconds absent{1'000};   ///< How often to look for a directory that is not there.
  std::chrono::milliseconds settle{500};  ///< How long a half-written or vanished file may take to become whole again.
  DirectoryLimits limits;
  std::filesystem::path memory;  ///< Where it is remembered what the directory was; see DirectoryReader.
  model::Hosts hosts = model::Hosts::Alone;
};

/// Watches the directory itself, never single files, see inotify(7). A file that was closed, renamed into place or
/// linked is read at once; one that is being written, is empty or does not parse gets `settle` to become whole. The
/// directory may be absent, made later, replaced (also by swapping a symbolic link) or become unreadable.
///
/// `on_snapshot` runs on the loop: once after the start, then whenever something may have changed. Reading and
/// parsing run on `lane`, which must end before `loop` does.
std::unique_ptr<Source> make_directory_source(Loop& loop, Lane& lane, DirectorySourceOptions options,
                                              OnSnapshot on_snapshot);

}  // namespace berth::agent
