// volumes/helper/pool_records.cpp - see pool_records.hpp.
#include "volumes/helper/pool_records.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/sha256.hpp"
#include "volumes/helper/durable.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = 64 * 1024;

Result<PoolRecord> read_record(const fs::path& file) {
  const auto damaged = [&](const std::string& why) {
    return Error(ErrorCode::DataLoss,
                 fmt::format("{}: {}: which claim has that disk is not known", file.string(), why));
  };
  const auto text = read_file(file, kMostBytes);
  if (!text) return text.error();
  const auto document = parse_json(*text);
  if (!document) return damaged(document.error().message());
  const auto* bytes = find(*document, {"bytes"});
  PoolRecord record{.device = std::string(find_string(*document, {"device"})),
                    .ns = std::string(find_string(*document, {"namespace"})),
                    .claim = std::string(find_string(*document, {"claim"})),
                    .bytes = bytes != nullptr && bytes->is_int64() ? bytes->get_int64() : 0,
                    .fs_type = std::string(find_string(*document, {"fsType"}))};
  if (record.device.empty() || record.claim.empty()) return damaged("device or claim is missing");
  return record;
}

/// Half-written files of killed writers; the pool is locked, so there is none at work.
void remove_leftovers(const fs::path& directory) {
  std::error_code failure;
  for (fs::directory_iterator entry(directory, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    if (entry->path().extension() == ".tmp") ::unlink(entry->path().c_str());
  }
}

}  // namespace

fs::path PoolRecords::file_of(const std::string& device) const {
  constexpr std::size_t kDigits = 16;
  // The last part of the path too, for whoever looks at the directory.
  auto name = fs::path(device).filename().string().substr(0, 100);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) <= ' '; }, '_');
  return directory_ / fmt::format("{}-{}.json", name, sha256_hex(device).substr(0, kDigits));
}

Result<std::vector<PoolRecord>> PoolRecords::read() const {
  std::vector<PoolRecord> records;
  std::error_code failure;
  fs::directory_iterator entry(directory_, failure);
  if (failure == std::errc::no_such_file_or_directory) return records;
  for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
    const auto& file = entry->path();
    if (file.extension() != ".json") continue;  // what a killed write left
    auto record = read_record(file);
    if (!record) return record.error();
    records.push_back(*std::move(record));
  }
  if (failure) return Error::from_errno(failure.value(), fmt::format("read {}", directory_.string()));
  return records;
}

Status PoolRecords::write(const PoolRecord& record) const {
  if (auto made = make_directories(directory_.parent_path(), 0755); !made) return made;
  if (auto made = make_durable_directory(directory_, 0700); !made) return made;
  remove_leftovers(directory_);
  const json::object document = {{"device", record.device},
                                 {"namespace", record.ns},
                                 {"claim", record.claim},
                                 {"bytes", record.bytes},
                                 {"fsType", record.fs_type}};
  return write_file(file_of(record.device), json::serialize(document) + '\n', 0600, Durability::Durable);
}

Status PoolRecords::remove(const std::string& device) const {
  const auto file = file_of(device);
  if (::unlink(file.c_str()) != 0) {
    if (errno == ENOENT) return Ok{};
    return Error::from_errno(errno, fmt::format("remove {}", file.string()));
  }
  return sync_directory(directory_);
}

}  // namespace berth::volumes::helper
