// store/sqlite_database.hpp - one SQLite file: open, read all, write a group.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
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
  Revision revision = 0;  ///< No revision above it was ever handed out.
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

  /// Writes all rows and the revision in one transaction, synced when Durable; none of it on error.
  Status write(const std::vector<Row>& rows, Revision revision, Durability durability);

 private:
  SqliteDatabase(sqlite3* handle, std::filesystem::path file) : handle_(handle), file_(std::move(file)) {}

  Status prepare(unsigned max_pages);
  Status make_schema();
  Status execute(const char* sql);
  Result<std::int64_t> read_integer(const char* sql);
  Status write_rows(const std::vector<Row>& rows, Revision revision);
  Error error(std::string_view doing) const;

  sqlite3* handle_;
  std::filesystem::path file_;
  bool synced_mode_ = false;  ///< Is PRAGMA synchronous at FULL?
};

}  // namespace berth::store
