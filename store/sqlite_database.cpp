// store/sqlite_database.cpp - the SQL, and SQLite's result codes as ours.
#include "store/sqlite_database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/scope_exit.hpp"

namespace berth::store {
namespace {

constexpr std::int64_t kSchemaVersion = 1;
constexpr std::int64_t kApplicationId = 0x62727468;  // "brth", see PRAGMA application_id

using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

ErrorCode code_of(int result) {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ErrorCode::Unavailable;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_IOERR:  // a write that fails for a dying or full disk comes as this
    case SQLITE_TOOBIG: return ErrorCode::ResourceExhausted;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH: return ErrorCode::PermissionDenied;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ErrorCode::DataLoss;
    default: return ErrorCode::Internal;
  }
}

void bind_text(sqlite3_stmt* statement, int index, std::string_view text) {
  sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

std::string column_text(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return text == nullptr ? std::string()
                         : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
}

Statement compile(sqlite3* handle, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(handle, sql, -1, &statement, nullptr);
  return {statement, &sqlite3_finalize};
}

}  // namespace

Error SqliteDatabase::error(std::string_view doing) const {
  return {code_of(sqlite3_extended_errcode(handle_)),
          fmt::format("{} {}: {}", doing, file_.native(), sqlite3_errmsg(handle_))};
}

Status SqliteDatabase::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return Ok{};
  return error("write");
}

Result<std::int64_t> SqliteDatabase::read_integer(const char* sql) {
  const auto statement = compile(handle_, sql);
  if (!statement || sqlite3_step(statement.get()) != SQLITE_ROW) return error("read");
  return sqlite3_column_int64(statement.get(), 0);
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::filesystem::path& file, unsigned max_pages) {
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(
      file.c_str(), &handle,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, nullptr);
  if (handle == nullptr) return Error(ErrorCode::ResourceExhausted, "open " + file.native() + ": out of memory");
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(handle, file));
  if (result != SQLITE_OK) return database->error("open");
  if (auto prepared = database->prepare(max_pages); !prepared) return std::move(prepared).error();
  return database;
}

SqliteDatabase::~SqliteDatabase() { sqlite3_close_v2(handle_); }

Status SqliteDatabase::prepare(unsigned max_pages) {
  // EXCLUSIVE before the first read: the lock is then kept until we close, and WAL needs no shared
  // memory file. trusted_schema, cell_size_check: a damaged file shall be noticed, not obeyed.
  for (const char* sql : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA trusted_schema=OFF", "PRAGMA cell_size_check=ON"}) {
    if (auto done = execute(sql); !done) return done;
  }
  const auto application = read_integer("PRAGMA application_id");
  if (!application) return application.error();
  const auto version = read_integer("PRAGMA user_version");
  if (!version) return version.error();
  const auto tables = read_integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables.error();
  if (*tables != 0 && *application != kApplicationId) {
    return Error(ErrorCode::DataLoss, "open " + file_.native() + ": a database, but not one of berth");
  }
  if (*version > kSchemaVersion) {
    return Error(ErrorCode::DataLoss, fmt::format("open {}: its schema is version {}, this berthd knows up to {}",
                                                  file_.native(), *version, kSchemaVersion));
  }
  for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA cache_size=-512",
                          "PRAGMA journal_size_limit=4194304", "BEGIN EXCLUSIVE", "COMMIT"}) {
    if (auto done = execute(sql); !done) return done;
  }
  if (*version < kSchemaVersion) {
    if (auto made = make_schema(); !made) return made;
  }
  if (max_pages != 0) return execute(fmt::format("PRAGMA max_page_count={}", max_pages).c_str());
  return Ok{};
}

Status SqliteDatabase::make_schema() {
  const auto sql = fmt::format(
      "BEGIN;"
      "CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
      "CREATE TABLE objects (kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, json TEXT NOT NULL,"
      " PRIMARY KEY (kind, namespace, name)) STRICT, WITHOUT ROWID;"
      "INSERT INTO state VALUES ('revision', 0);"
      "PRAGMA application_id={};"
      "PRAGMA user_version={};"
      "COMMIT",
      kApplicationId, kSchemaVersion);
  auto made = execute(sql.c_str());
  if (!made) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  return made;
}

Result<Contents> SqliteDatabase::read_all() {
  const auto damaged = [this](std::string_view what) {
    return Error(ErrorCode::DataLoss, fmt::format("read {}: {}", file_.native(), what));
  };
  {
    const auto check = compile(handle_, "PRAGMA quick_check(1)");
    if (!check || sqlite3_step(check.get()) != SQLITE_ROW) return error("check");
    if (const auto verdict = column_text(check.get(), 0); verdict != "ok") return damaged(verdict);
  }
  Contents contents;
  const auto revision = read_integer("SELECT value FROM state WHERE name = 'revision'");
  if (!revision) return damaged("no revision in it");
  contents.revision = static_cast<Revision>(*revision);

  const auto rows = compile(handle_, "SELECT kind, namespace, name, json FROM objects");
  if (!rows) return error("read");
  for (;;) {
    const int step = sqlite3_step(rows.get());
    if (step == SQLITE_DONE) return contents;
    if (step != SQLITE_ROW) return error("read");
    const auto name =
        fmt::format("{} {}/{}", column_text(rows.get(), 0), column_text(rows.get(), 1), column_text(rows.get(), 2));
    auto value = parse_json(column_text(rows.get(), 3));
    if (!value || !value->is_object()) return damaged(name + ": not a JSON object");
    auto object = model::make_object(std::move(value->get_object()));
    if (!object) return damaged(name + ": " + object.error().message());
    contents.objects.push_back(*std::move(object));
  }
}

Status SqliteDatabase::write_rows(const std::vector<Row>& rows, Revision revision) {
  const auto put = compile(handle_,
                           "INSERT INTO objects VALUES (?1, ?2, ?3, ?4)"
                           " ON CONFLICT DO UPDATE SET json = excluded.json");
  const auto drop = compile(handle_, "DELETE FROM objects WHERE kind = ?1 AND namespace = ?2 AND name = ?3");
  const auto mark = compile(handle_, "UPDATE state SET value = ?1 WHERE name = 'revision'");
  if (!put || !drop || !mark) return error("write");
  for (const auto& row : rows) {
    auto* statement = row.text.empty() ? drop.get() : put.get();
    bind_text(statement, 1, model::info(row.key.kind).name);
    bind_text(statement, 2, row.key.ns);
    bind_text(statement, 3, row.key.name);
    if (!row.text.empty()) bind_text(statement, 4, row.text);
    if (sqlite3_step(statement) != SQLITE_DONE) return error("write");
    sqlite3_reset(statement);
  }
  sqlite3_bind_int64(mark.get(), 1, static_cast<sqlite3_int64>(revision));
  if (sqlite3_step(mark.get()) != SQLITE_DONE) return error("write");
  return Ok{};
}

Status SqliteDatabase::write(const std::vector<Row>& rows, Revision revision, Durability durability) {
  const bool sync = durability == Durability::Durable;
  if (sync != synced_mode_) {
    if (auto set = execute(sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"); !set) return set;
    synced_mode_ = sync;
  }
  if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return begun;
  ScopeExit roll_back([this] { sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr); });
  if (auto written = write_rows(rows, revision); !written) return written;
  if (auto committed = execute("COMMIT"); !committed) return committed;
  roll_back.dismiss();
  return Ok{};
}

}  // namespace berth::store
