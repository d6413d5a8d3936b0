// store/backup.cpp - see backup.hpp.
#include "store/backup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"
#include "store/sqlite_database.hpp"

namespace berth::store {
namespace {

std::filesystem::path beside(const std::filesystem::path& file, std::string_view suffix) {
  auto path = file;
  path += suffix;
  return path;
}

Status copy_bytes(const std::filesystem::path& from, const std::filesystem::path& to) {
  const auto doing = fmt::format("copy {} to {}", from.native(), to.native());
  const UniqueFd in{::open(from.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!in) return Error::from_errno(errno, "open " + from.native());
  const UniqueFd out{::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!out) return Error::from_errno(errno, "make " + to.native());
  std::array<char, 65536> buffer{};
  for (;;) {
    const auto got = ::read(in.get(), buffer.data(), buffer.size());
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, doing);
    for (ssize_t at = 0; at < got;) {
      const auto put = ::write(out.get(), buffer.data() + at, static_cast<std::size_t>(got - at));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return Error::from_errno(errno, doing);
      at += put;
    }
  }
  if (::fsync(out.get()) != 0) return Error::from_errno(errno, doing);
  return Ok{};
}

/// Reads all of it, and makes it one that knows that it is a copy.
Result<Restored> judge(const std::filesystem::path& copy, const std::string& node) {
  struct stat found {};
  if (::stat(copy.c_str(), &found) != 0) return Error::from_errno(errno, "look at " + copy.native());
  // To SQLite an empty file is a database, a new one.
  if (found.st_size == 0) return Error(ErrorCode::DataLoss, "it is empty");
  auto database = SqliteDatabase::open(copy, /*max_pages=*/0);
  if (!database) return std::move(database).error();
  auto contents = (*database)->read_all();
  if (!contents) return std::move(contents).error();
  Restored out;
  for (const auto& [name, into] : {std::pair<std::string_view, std::string*>{"id", &out.identity.id},
                                   {"node", &out.identity.node},
                                   {"version", &out.version}}) {
    auto fact = (*database)->fact(name);
    if (!fact) return std::move(fact).error();
    *into = *std::move(fact);
  }
  if (!node.empty() && !out.identity.node.empty() && out.identity.node != node) {
    return Error(ErrorCode::FailedPrecondition,
                 fmt::format("it was made for node {}, and this one is {}: pods that are "
                             "bound to the other would run nowhere",
                             out.identity.node, node));
  }
  out.objects = contents->objects.size();
  out.problems = std::move(contents->problems);
  if (auto marked = (*database)->mark_as_copy(); !marked) return std::move(marked).error();
  if (auto folded = (*database)->fold_log(); !folded) return std::move(folded).error();
  return out;
}

std::string stamp() {
  auto text = format_rfc3339(std::chrono::system_clock::now());
  std::erase_if(text, [](char c) { return c == ':' || c == '-'; });
  return text;
}

/// A second name for what is there, log included: nothing is ever overwritten. Empty: there is nothing.
Result<std::filesystem::path> keep(const std::filesystem::path& file) {
  const auto begin = beside(file, ".before-restore-" + stamp());
  auto target = begin;
  for (int again = 2; ::access(target.c_str(), F_OK) == 0; ++again) target = beside(begin, fmt::format("-{}", again));
  bool kept = false;
  for (const auto* suffix : {"-wal", ""}) {
    const auto from = beside(file, suffix);
    if (::link(from.c_str(), beside(target, suffix).c_str()) == 0) {
      kept = true;
    } else if (errno != ENOENT) {
      return Error::from_errno(errno, fmt::format("keep {} as {}", from.native(), target.native()));
    }
  }
  return kept ? target : std::filesystem::path();
}

/// A log that stayed beside another database would be played into it.
Status remove_log(const std::filesystem::path& file) {
  for (const auto* suffix : {"-wal", "-shm", "-journal"}) {
    const auto path = beside(file, suffix);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::from_errno(errno, "remove " + path.native());
  }
  return Ok{};
}

}  // namespace

Status copy_store(Store& store, const std::filesystem::path& target) {
  if (auto* copyable = dynamic_cast<Copyable*>(&store)) return copyable->copy_to(target);
  return Error(ErrorCode::Unimplemented, "copy the store to " + target.native() + ": this one has no file");
}

Result<Restored> restore_sqlite_store(const std::filesystem::path& copy, const std::filesystem::path& file,
                                      const std::string& node) {
  const auto fresh = beside(file, ".restoring");
  const auto drop = [&fresh] {
    for (const auto* suffix : {"", "-wal", "-shm", "-journal"}) ::unlink(beside(fresh, suffix).c_str());
  };
  drop();
  const ScopeExit dropped(drop);
  if (auto copied = copy_bytes(copy, fresh); !copied) return std::move(copied).error();
  auto restored = judge(fresh, node);
  if (!restored) return restored.error().context("use " + copy.native());

  // Before it is opened: SQLite throws a log away that it cannot use, and it may be all that is left of the objects.
  auto old = keep(file);
  if (!old) return std::move(old).error();
  ScopeExit forget([&old] {
    if (old->empty()) return;
    for (const auto* suffix : {"", "-wal"}) ::unlink(beside(*old, suffix).c_str());
  });
  // Held until the copy is in place: no agent may begin in between. One that does not open is held by nobody.
  std::unique_ptr<SqliteDatabase> held;
  struct stat found {};
  if (::stat(file.c_str(), &found) == 0 && found.st_size != 0) {
    auto opened = SqliteDatabase::open(file, /*max_pages=*/0);
    if (failed_with(opened, ErrorCode::Unavailable)) return opened.error().context("is berthd stopped?");
    if (opened) {
      held = *std::move(opened);
      // Without a log it removes none when it is closed, which by then would be the next agent's.
      if (auto folded = held->fold_log(); !folded) return std::move(folded).error();
      ::unlink(beside(*old, "-wal").c_str());
    }
  }
  forget.dismiss();
  if (auto removed = remove_log(file); !removed) return std::move(removed).error();
  if (::rename(fresh.c_str(), file.c_str()) != 0) return Error::from_errno(errno, "rename " + fresh.native());
  restored->old = *old;
  const UniqueFd directory{::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory) ::fsync(directory.get());
  return restored;
}

}  // namespace berth::store
