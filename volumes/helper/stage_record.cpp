// volumes/helper/stage_record.cpp - see stage_record.hpp.
#include "volumes/helper/stage_record.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/sha256.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kShort{10};
constexpr std::size_t kMostPath = 4096;

fs::path link_of(const StageDir& stage, const fs::path& target) {
  return stage.targets / sha256_hex(target.string()).substr(0, 16);
}

Status remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return Ok{};
  return Error::from_errno(errno, "remove " + path.string());
}

Status remove_directory(const fs::path& path) {
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return Ok{};
  return Error::from_errno(errno, "remove " + path.string());
}

Result<StageRecord> decode(const std::string& text) {
  const auto document = parse_json(text);
  if (!document) return document.error();
  const auto* source = find(*document, {"source"});
  const auto* attachment = find(*document, {"attachment"});
  const auto* block = find(*document, {"block"});
  if (source == nullptr || !source->is_object() || attachment == nullptr || !attachment->is_object() ||
      block == nullptr || !block->is_bool()) {
    return Error(ErrorCode::InvalidArgument, "source, block or attachment is missing");
  }
  auto decoded = model::decode_source(source->get_object());
  if (!decoded) return decoded.error();
  return StageRecord{.name = std::string(find_string(*document, {"name"})),
                     .source = *std::move(decoded),
                     .block = block->get_bool(),
                     .attachment = attachment->get_object()};
}

}  // namespace

StageDir::StageDir(fs::path where)
    : dir(std::move(where)),
      record(dir / "volume.json"),
      targets(dir / "targets"),
      mount(dir / "mount"),
      group(dir / "group"),
      lock(dir / "lock"),
      unchecked(dir / "unchecked"),
      reserved(dir / "reserved") {}

Result<std::optional<StageRecord>> read_record(const StageDir& stage) {
  const auto text = read_file(stage.record, 1024 * 1024);
  if (failed_with(text, ErrorCode::NotFound)) return std::optional<StageRecord>();
  if (!text) return text.error();
  auto record = decode(*text);
  if (record) return std::optional(*std::move(record));
  return Error(ErrorCode::DataLoss, fmt::format("{} cannot be understood, so what is attached for it is left alone: {}",
                                                stage.record.string(), record.error().message()));
}

Status write_record(const StageDir& stage, const StageRecord& record) {
  const json::object document = {{"name", record.name},
                                 {"source", model::encode_source(record.source)},
                                 {"block", record.block},
                                 {"attachment", record.attachment}};
  return write_file(stage.record, json::serialize(document), 0600);
}

Status write_reserved(const StageDir& stage, const ReservedDisk& disk) {
  return write_file(stage.reserved, fmt::format("{:016x} {}\n", disk.key, disk.device.string()), 0600);
}

std::optional<ReservedDisk> read_reserved(const StageDir& stage) {
  const auto text = read_file(stage.reserved, kMostPath);
  if (!text) return std::nullopt;
  std::string device;
  ReservedDisk out;
  std::istringstream in(*text);
  in >> std::hex >> out.key >> device;
  out.device = device;
  return in ? std::optional(out) : std::nullopt;
}

Status add_target(const StageDir& stage, const fs::path& target) {
  if (auto made = make_directories(stage.targets, 0700); !made) return made;
  const auto link = link_of(stage, target);
  if (::symlink(target.c_str(), link.c_str()) == 0 || errno == EEXIST) return Ok{};
  return Error::from_errno(errno, "link " + link.string());
}

Result<std::vector<fs::path>> read_targets(const StageDir& stage) {
  std::vector<fs::path> targets;
  std::error_code failure;
  fs::directory_iterator links(stage.targets, failure);
  if (failure == std::errc::no_such_file_or_directory) return targets;
  if (failure) return Error::from_errno(failure.value(), "list " + stage.targets.string());
  for (const auto& link : links) {
    auto target = fs::read_symlink(link.path(), failure);
    if (!failure) targets.push_back(std::move(target));  // else removed meanwhile
  }
  return targets;
}

Result<bool> leave_to_others(const StageDir& stage, const std::vector<fs::path>& mine) {
  const auto lock = FileLock::wait_directory(stage.targets, stage.targets.string(), kShort);
  if (failed_with(lock, ErrorCode::NotFound)) return true;  // released already
  if (!lock) return lock.error();
  const auto all = read_targets(stage);
  if (!all) return all.error();
  const auto is_mine = [&mine](const auto& each) { return std::find(mine.begin(), mine.end(), each) != mine.end(); };
  if (std::all_of(all->begin(), all->end(), is_mine)) return false;
  if (auto forgotten = forget_targets(stage, mine); !forgotten) return forgotten.error();
  return true;
}

Status forget_targets(const StageDir& stage, const std::vector<fs::path>& targets) {
  for (const auto& target : targets) {
    if (auto removed = remove_file(link_of(stage, target)); !removed) return removed;
  }
  return Ok{};
}

Status remove_stage(const StageDir& stage) {
  // The record first: without it the rest is empty directories. mount/ is never removed with its content.
  if (auto removed = remove_file(stage.record); !removed) return removed;
  if (auto removed = remove_directory(stage.mount); !removed) return removed;
  const auto targets = read_targets(stage);
  if (!targets) return targets.error();
  if (auto forgotten = forget_targets(stage, *targets); !forgotten) return forgotten;
  if (auto removed = remove_directory(stage.targets); !removed) return removed;
  for (const auto& file : {stage.group, stage.unchecked, stage.reserved, stage.lock}) {
    if (auto removed = remove_file(file); !removed) return removed;
  }
  // Somebody may have begun anew since the lock's name is gone.
  if (::rmdir(stage.dir.c_str()) == 0 || errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST) return Ok{};
  return Error::from_errno(errno, "remove " + stage.dir.string());
}

bool is_below(const fs::path& path, const fs::path& directory) {
  const auto relative = path.lexically_normal().lexically_relative(directory.lexically_normal());
  return !relative.empty() && *relative.begin() != "..";
}

Result<std::vector<fs::path>> staged_dirs(const fs::path& run_dir) {
  std::vector<fs::path> dirs;
  std::error_code failure;
  fs::directory_iterator entries(run_dir / "staged", failure);
  if (failure == std::errc::no_such_file_or_directory) return dirs;
  if (failure) return Error::from_errno(failure.value(), fmt::format("list {}/staged", run_dir.string()));
  for (const auto& entry : entries) dirs.push_back(entry.path());
  return dirs;
}

}  // namespace berth::volumes::helper
