// store/etcd/copy_file.cpp - see copy_file.hpp.
#include "store/etcd/copy_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"

namespace berth::store::etcd {
namespace {

constexpr unsigned kMaxPages = 65'536;  ///< 256 MB: 70,000 pods.
/// Rows that are written at once. Of more the file says meanwhile that it is not complete.
constexpr std::size_t kChunk = 200;
constexpr Revision kIncomplete = 0;
constexpr std::string_view kForm = "etcd-copy 1";

// What the file says of itself, see SqliteDatabase::fact().
constexpr std::string_view kFormFact = "form";
constexpr std::string_view kStore = "id";
constexpr std::string_view kPrefix = "prefix";
constexpr std::string_view kNode = "node";
constexpr std::string_view kEndpoints = "endpoints";
constexpr std::string_view kAsOf = "as_of";

bool have_one_in_common(std::string_view text, const std::vector<std::string>& endpoints) {
  const auto words = fmt::format(",{},", text);
  return std::any_of(endpoints.begin(), endpoints.end(),
                     [&](const auto& each) { return words.find("," + each + ",") != std::string::npos; });
}

/// Is it a copy of that? A file that is new says nothing.
Status is_copy_of(SqliteDatabase& database, const CopyOf& of) {
  for (const auto& [name, wanted] : {std::pair(kFormFact, kForm), std::pair(kPrefix, std::string_view(of.prefix)),
                                     std::pair(kNode, std::string_view(of.node))}) {
    const auto said = database.fact(name);
    if (!said) return said.error();
    if (*said == wanted) continue;
    return Error(ErrorCode::FailedPrecondition, fmt::format("its {} is \"{}\", not \"{}\"", name, *said, wanted));
  }
  const auto endpoints = database.fact(kEndpoints);
  if (!endpoints) return endpoints.error();
  if (have_one_in_common(*endpoints, of.endpoints)) return Ok{};
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("it is of the etcd at {}, not of that at {}", *endpoints, fmt::join(of.endpoints, ",")));
}

Status sign(SqliteDatabase& database, const CopyOf& of, const std::string& store) {
  // A database of ours that somebody puts in the place of a host's own store is known as no original.
  if (auto marked = database.mark_as_copy(); !marked) return marked;
  for (const auto& [name, value] :
       {std::pair(kFormFact, std::string(kForm)), std::pair(kStore, store), std::pair(kPrefix, of.prefix),
        std::pair(kNode, of.node), std::pair(kEndpoints, fmt::format("{}", fmt::join(of.endpoints, ",")))}) {
    if (auto set = database.set_fact(name, value); !set) return set;
  }
  return Ok{};
}

Row row_of(const model::ObjectKey& key, const KeptObject& kept) {
  const auto object = kept.get();
  return {key, object == nullptr ? std::string() : json::serialize(object->raw)};
}

}  // namespace

void remove_copy(const std::filesystem::path& file) {
  for (const auto* suffix : {"", "-wal", "-shm", "-journal"}) {
    auto path = file;
    path += suffix;
    std::error_code error;
    std::filesystem::remove(path, error);
  }
}

Result<Copied> read_copy(const std::filesystem::path& file, const CopyOf& of) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return Error(ErrorCode::NotFound, file.native() + ": there is none");
  auto database = SqliteDatabase::open(file, kMaxPages);
  if (!database) return std::move(database).error();
  if (auto ours = is_copy_of(**database, of); !ours) return ours.error().context("read " + file.native());
  auto contents = (*database)->read_all();
  if (!contents) return std::move(contents).error();
  if (contents->revision == kIncomplete) return Error(ErrorCode::NotFound, file.native() + ": it is not complete");
  auto store = (*database)->fact(kStore);
  if (!store) return std::move(store).error();
  auto as_of = (*database)->fact(kAsOf);
  if (!as_of) return std::move(as_of).error();
  return Copied{*std::move(store), std::move(contents->objects), contents->revision, *std::move(as_of)};
}

Result<std::unique_ptr<CopyFile>> CopyFile::open(const std::filesystem::path& file, const CopyOf& of,
                                                 const std::string& store) {
  if (auto made = make_directories(file.parent_path(), 0700); !made) return std::move(made).error();
  auto database = SqliteDatabase::open(file, kMaxPages);
  const auto is_of_store = [&] {
    const auto said = (*database)->fact(kStore);
    return said && *said == store;
  };
  if (failed_with(database, ErrorCode::DataLoss) || (database && (!is_copy_of(**database, of) || !is_of_store()))) {
    if (database) database->reset();  // Closed before it is removed.
    remove_copy(file);
    database = SqliteDatabase::open(file, kMaxPages);
  }
  if (!database) return std::move(database).error();
  if (auto signed_now = sign(**database, of, store); !signed_now) return std::move(signed_now).error();
  return std::unique_ptr<CopyFile>(new CopyFile(*std::move(database)));
}

Status CopyFile::write_all(Changed all, Revision revision) {
  auto known = database_->revisions();
  if (!known) return known.error();
  std::erase_if(all, [&](const auto& each) {
    const auto row = known->find(each.first);
    if (row == known->end()) return false;
    const auto same = row->second == each.second.resource_version();
    known->erase(row);
    return same;
  });
  for (const auto& [key, gone] : *known) all.emplace_back(key, KeptObject());
  return write(all, revision);
}

Status CopyFile::write(const Changed& changed, Revision revision) {
  if (auto set = database_->set_fact(kAsOf, format_rfc3339(SystemClock().wall())); !set) return set;
  std::size_t next = 0;
  do {
    const auto end = std::min(next + kChunk, changed.size());
    std::vector<Row> rows;
    for (; next < end; ++next) rows.push_back(row_of(changed[next].first, changed[next].second));
    const auto complete = next == changed.size();
    if (auto written = database_->write(rows, complete ? revision : kIncomplete, Durability::Lazy); !written) {
      return written;
    }
  } while (next < changed.size());
  return Ok{};
}

}  // namespace berth::store::etcd
