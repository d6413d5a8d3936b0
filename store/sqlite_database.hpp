// store/sqlite_database.hpp - one SQLite file: open, read all, write a group, copy.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/draft.hpp"
#include "store/store.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace berth::store {

/// One row to write: empty text removes it.
struct Row {
  model::ObjectKey key;
  std::string text;
};

/// What the file held when it was opened.
struct Contents {
  std::vector<model::Object> objects;
  std::vector<StoreProblem> problems;  ///< Rows that this version cannot read; they stay as they are.
  Unreadable unreadable;               ///< Their keys, where this version knows the kind.
  Revision revision = 0;               ///< No revision above it was ever handed out.
};

/// The file, locked against other processes until destroyed. One thread at a time.
class SqliteDatabase {
 public:
  /// `max_pages` bounds the file (0: no bound): how tests fill the disk. Errors as open_sqlite_store.
  static Result<std::unique_ptr<SqliteDatabase>> open(const std::filesystem::path& file, unsigned max_pages);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  Result<Contents> read_all();

  /// Which program version wrote it last; empty when nothing says.
  Result<std::string> version();
  /// What it says of itself: "id", "node", "opened", "version", "copy_of"; empty when it does not.
  Result<std::string> fact(std::string_view name);
  Status set_fact(std::string_view name, std::string_view value);
  /// The resourceVersion that each row says; 0 where it says none.
  Result<std::map<model::ObjectKey, Revision>> revisions();
  /// From now on it is a copy, see sign().
  Status mark_as_copy();
  /// Brings its log into the file and goes on without one: what is closed then is one file.
  Status fold_log() { return execute("PRAGMA journal_mode=DELETE"); }
  /// Counts this opening and signs it, durably. A copy that was put back becomes a store of its own.
  Result<Identity> sign(const std::string& node, const std::string& version);

  /// Writes all rows and the revision in one transaction, synced when Durable; none of it on error.
  Status write(const std::vector<Row>& rows, Revision revision, Durability durability);

  /// A consistent copy, marked as one, mode 0600, in place all at once. Blocks for as long as the disk takes.
  Status copy_to(const std::filesystem::path& target);

  /// Is the file that we write still the one under its name? Not when somebody removed or replaced it.
  bool in_place() const;

 private:
  SqliteDatabase(sqlite3* handle, std::filesystem::path file) : handle_(handle), file_(std::move(file)) {}

  Status prepare(unsigned max_pages);
  Status make_schema();
  Status execute(const char* sql);
  Result<std::int64_t> read_integer(const char* sql);
  Status write_identity(const Identity& identity, const std::string& version);
  Status write_rows(const std::vector<Row>& rows, Revision revision);
  Status fill_copy(const std::filesystem::path& target);
  Error error(std::string_view doing) const;

  sqlite3* handle_;
  std::filesystem::path file_;
  ino_t inode_ = 0;
  dev_t device_ = 0;
  bool made_now_ = false;
  bool synced_mode_ = false;  ///< Is PRAGMA synchronous at FULL?
};

}  // namespace berth::store
