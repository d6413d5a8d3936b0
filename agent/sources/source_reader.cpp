// agent/sources/source_reader.cpp - see source_reader.hpp.
#include "agent/sources/source_reader.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <optional>

#include "agent/sources/name_list.hpp"
#include "base/unique_fd.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;

/// File times are as coarse as the kernel's tick; some file systems keep whole seconds only.
constexpr milliseconds kRacy{1500};

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
         a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

bool changed_just_now(const struct stat& info) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto changed = std::chrono::seconds{info.st_ctim.tv_sec} + std::chrono::nanoseconds{info.st_ctim.tv_nsec};
  return now - changed < kRacy;
}

/// All of it, up to `limit` bytes; nullopt when there is more.
Result<std::optional<std::string>> read_up_to(int fd, std::size_t limit) {
  std::string text;
  std::array<char, 16384> buffer{};
  for (;;) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, "read");
    if (got == 0) return std::optional(std::move(text));
    if (text.size() + static_cast<std::size_t>(got) > limit) return std::optional<std::string>();
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<std::vector<std::string>> list_manifests(int directory) {
  UniqueFd copy(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) return Error::from_errno(errno, "read directory");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(copy.get()), &::closedir);
  if (!stream) return Error::from_errno(errno, "read directory");
  std::ignore = copy.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const auto* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return Error::from_errno(errno, "read directory");
    if (entry == nullptr) break;
    if (is_manifest_name(entry->d_name)) names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

bool is_manifest_name(std::string_view name) {
  // Editors leave web.yaml~, .web.yaml.swp, #web.yaml#, 4913, web.yaml.bak: none ends in one of ours but the first
  // character, or the end, tells.
  if (name.empty() || name.front() == '.' || name.front() == '#' || name.front() == '~') return false;
  const auto stem_of = [name](std::string_view suffix) {
    return name.size() > suffix.size() && name.ends_with(suffix);
  };
  return stem_of(".yaml") || stem_of(".yml") || stem_of(".json");
}

DirectoryReader::DirectoryReader(std::filesystem::path directory, const DirectoryLimits& limits,
                                 std::filesystem::path memory, std::string name, model::Hosts hosts)
    : directory_(std::move(directory)),
      name_(std::move(name)),
      limits_(limits),
      memory_(std::move(memory)),
      hosts_(hosts) {
  auto text = directory_.lexically_normal().native();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  directory_ = text;
  if (name_.empty()) name_ = "directory:" + text;
}

void DirectoryReader::recall() {
  if (judge_) return;
  auto memory = memory_.empty() ? Result<DirectoryMemory>(DirectoryMemory{}) : read_directory_memory(memory_);
  // A file that cannot be read is as good as none: it only makes us more careful than we would be without.
  judge_.emplace(memory ? *memory : DirectoryMemory{});
  if (memory) saved_ = *std::move(memory);
}

std::vector<std::string> DirectoryReader::within_limit(std::vector<std::string> names, SourceSnapshot& snapshot) const {
  if (names.size() <= limits_.files) return names;
  const auto& before = judge_->memory().manifests;
  std::stable_partition(names.begin(), names.end(), [&](const auto& name) { return before.contains(name); });
  const std::vector<std::string> rest(names.begin() + static_cast<std::ptrdiff_t>(limits_.files), names.end());
  model::Problem problem;
  problem.file = directory_.native();
  problem.message = fmt::format("{} manifests, the limit is {}: not read, and what they made stays: {}", names.size(),
                                limits_.files, name_list(rest, "file"));
  snapshot.problems.push_back(std::move(problem));
  for (const auto& name : rest) {
    auto file = std::make_shared<SourceFile>();
    file->id = name_ + "/" + name;
    snapshot.files.push_back(std::move(file));
  }
  names.resize(limits_.files);
  std::sort(names.begin(), names.end());
  return names;
}

void DirectoryReader::believe(int directory, const std::vector<std::string>& names, SteadyTime now,
                              SourceSnapshot& snapshot) {
  struct stat info {};
  struct stat mark {};
  if (::fstat(directory, &info) != 0) {
    snapshot.error = Error::from_errno(errno, "look at " + directory_.native()).message();
    return;
  }
  DirectorySight sight{info.st_dev, info.st_ino, {names.begin(), names.end()}, false};
  sight.confirmed = ::fstatat(directory, kConfirmationName.data(), &mark, AT_SYMLINK_NOFOLLOW) == 0;
  if (auto doubt = judge_->judge(sight, now); !doubt.empty()) {
    snapshot.error = directory_.native() + ": " + doubt;
    return;
  }
  snapshot.complete = true;
  if (memory_.empty() || saved_ == judge_->memory()) return;
  if (auto written = write_directory_memory(memory_, name_, judge_->memory()); !written) {
    model::Problem problem;
    problem.file = directory_.native();
    problem.message = written.error().context("remember what is in it, for the next start").message();
    snapshot.problems.push_back(std::move(problem));
    return;
  }
  saved_ = judge_->memory();
}

SourceSnapshot DirectoryReader::read(const ReadHints& hints) {
  SourceSnapshot snapshot;
  snapshot.name = name_;
  recall();
  const UniqueFd directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    snapshot.error = Error::from_errno(errno, "open " + directory_.native()).message();
    return snapshot;
  }
  auto names = list_manifests(directory.get());
  if (!names) {
    snapshot.error = names.error().context(directory_.native()).message();
    return snapshot;
  }
  const auto taken = within_limit(*std::move(names), snapshot);
  believe(directory.get(), taken, hints.now, snapshot);
  std::size_t budget = limits_.total_bytes;
  for (const auto& name : taken) {
    if (auto file = read_entry(directory.get(), name, hints, budget)) snapshot.files.push_back(std::move(file));
  }
  forget_vanished(snapshot, hints.settled);
  return snapshot;
}

/// Editors rename the old file away before they write the new one, and a directory that is changed while it is read
/// may show neither name of a renamed file: what is missing for the first time is only said to have vanished.
void DirectoryReader::forget_vanished(SourceSnapshot& snapshot, bool settled) {
  std::set<std::string> present;
  for (const auto& file : snapshot.files) present.insert(file->id);
  for (auto known = known_.begin(); known != known_.end();) {
    const bool here = present.contains(name_ + "/" + known->first);
    if (here || settled) {
      known = here ? std::next(known) : known_.erase(known);
      continue;
    }
    auto file = std::make_shared<SourceFile>(*known->second.file);
    file->vanished = true;
    snapshot.files.push_back(std::move(file));
    ++known;
  }
  std::sort(snapshot.files.begin(), snapshot.files.end(), [](const auto& a, const auto& b) { return a->id < b->id; });
}

std::shared_ptr<const SourceFile> DirectoryReader::failed(const std::string& name, const std::string& message) const {
  auto file = std::make_shared<SourceFile>();
  file->id = name_ + "/" + name;
  model::Problem problem;
  problem.file = (directory_ / name).native();
  problem.message = message;
  file->manifest.errors.push_back(std::move(problem));
  return file;
}

std::shared_ptr<const SourceFile> DirectoryReader::read_entry(int directory, const std::string& name,
                                                              const ReadHints& hints, std::size_t& budget) {
  struct stat link {};
  struct stat info {};
  if (::fstatat(directory, name.c_str(), &link, AT_SYMLINK_NOFOLLOW) != 0) return nullptr;  // gone since we listed it
  if (::fstatat(directory, name.c_str(), &info, 0) != 0) {
    return failed(name, Error::from_errno(errno, "open").message());  // a link to nowhere, or a loop: not "deleted"
  }
  if (!S_ISREG(info.st_mode)) return S_ISDIR(info.st_mode) ? nullptr : failed(name, "not a regular file");

  const auto known = known_.find(name);
  const bool whole_at_once = S_ISLNK(link.st_mode) || info.st_nlink > 1;  // made by ln(1): there is no writer
  const bool half_written = hints.open.contains(name) && !whole_at_once;
  if (known != known_.end() && same_file(known->second.info, info) && !known->second.racy &&
      !known->second.file->settling && !hints.changed.contains(name) && !half_written) {
    budget -= std::min(budget, static_cast<std::size_t>(info.st_size));
    return known->second.file;
  }

  const UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd || ::fstat(fd.get(), &info) != 0) return failed(name, Error::from_errno(errno, "open").message());
  if (!S_ISREG(info.st_mode)) return failed(name, "not a regular file");
  const bool racy = changed_just_now(info);
  const auto limit = std::min(limits_.manifest.bytes, budget);
  auto text = read_up_to(fd.get(), limit);
  if (!text) return failed(name, text.error().message());
  if (!*text) {
    return failed(name, limit == budget ? fmt::format("all manifests together exceed {} bytes", limits_.total_bytes)
                                        : fmt::format("larger than the limit of {} bytes", limits_.manifest.bytes));
  }
  budget -= (*text)->size();

  auto hash = content_hash(**text);
  if (known != known_.end() && known->second.file->hash == hash && !known->second.file->settling && !half_written) {
    known->second.info = info;
    known->second.racy = racy;
    return known->second.file;
  }
  auto file = std::make_shared<SourceFile>();
  file->id = name_ + "/" + name;
  file->hash = std::move(hash);
  file->manifest = model::read_manifest(**text, (directory_ / name).native(), limits_.manifest, hosts_);
  if (file->manifest.errors.empty() && file->empty()) {
    model::Problem problem;
    problem.file = (directory_ / name).native();
    problem.message = "no objects in it; to remove what it made, delete the file";
    file->manifest.errors.push_back(std::move(problem));
  }
  hash_objects(*file);
  file->settling = half_written || (!hints.settled && !file->sound() && racy);
  known_[name] = {info, racy, file};
  return file;
}

}  // namespace berth::agent
