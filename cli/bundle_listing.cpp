// cli/bundle_listing.cpp - see bundle_listing.hpp.
#include "cli/bundle_listing.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/atomic_file.hpp"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostEntries = 20'000;

}  // namespace

std::string listing(const fs::path& root) {
  std::string out;
  std::size_t count = 0;
  std::function<void(const fs::path&, int)> walk = [&](const fs::path& folder, int depth) {
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    for (auto at = fs::directory_iterator(folder, error); !error && at != fs::directory_iterator();
         at.increment(error)) {
      entries.push_back(*at);
    }
    std::sort(entries.begin(), entries.end());
    if (error) out += fmt::format("{}: {}\n", folder.string(), error.message());
    for (const auto& entry : entries) {
      if (++count > kMostEntries) return;
      // Never a step into what may hang: a share or a device that is mounted there is not even looked at.
      struct stat found {};
      const bool data = folder.filename() == "mounts" || folder.filename() == "mount" || folder.filename() == "share";
      if (data) {
        out += fmt::format("{:>12} {}\n", "?", entry.path().string());
        continue;
      }
      if (::lstat(entry.path().c_str(), &found) != 0) continue;
      out += fmt::format("{:04o} {:>12} {}{}\n", found.st_mode & 07777U, found.st_size, entry.path().string(),
                         S_ISDIR(found.st_mode) ? "/" : "");
      const auto parent = folder.parent_path();
      const bool claim = parent.filename() == "volumes";  // volumes/<namespace>/<claim>
      const bool emptied = folder.filename() == "emptydir" || folder.filename() == "volumes";
      const bool goes_on = S_ISDIR(found.st_mode) && depth < 6 && !claim && !(emptied && depth > 1);
      if (goes_on) walk(entry.path(), depth + 1);
    }
  };
  walk(root, 0);
  if (count > kMostEntries) out += fmt::format("... more than {} entries\n", kMostEntries);
  return out;
}

std::string cgroups() {
  std::string out;
  std::size_t count = 0;
  const std::function<void(const fs::path&, bool, int)> walk = [&](const fs::path& folder, bool ours, int depth) {
    std::error_code error;
    for (auto at = fs::directory_iterator(folder, error); !error && at != fs::directory_iterator();
         at.increment(error)) {
      if (!at->is_directory(error) || at->is_symlink(error)) continue;
      const auto name = at->path().filename().string();
      const bool inside = ours || name.starts_with("berth");
      if (inside && ++count <= kMostEntries) {
        out += at->path().string();
        for (const auto* fact : {"pids.current", "memory.current", "memory.usage_in_bytes", "cgroup.controllers"}) {
          if (const auto text = read_file(at->path() / fact, 4096)) {
            out += fmt::format(" {}={}", fact, text->substr(0, text->find('\n')));
          }
        }
        out += '\n';
      }
      if (depth < 6 && (inside || depth < 3)) walk(at->path(), inside, depth + 1);
    }
  };
  walk("/sys/fs/cgroup", false, 0);
  return out;
}

}  // namespace berth::cli
