// store/sqlite_database.cpp - the SQL, and SQLite's result codes as ours.
#include "store/sqlite_database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"

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

std::filesystem::path beside(const std::filesystem::path& file, std::string_view suffix) {
  auto path = file;
  path += suffix;
  return path;
}

/// Objects hold secrets: the file is its owner's alone, and SQLite gives its companions the file's own mode. What an
/// earlier version made for everybody to read is mended.
Status make_private(const std::filesystem::path& file) {
  // Only a file that is new is opened here: closing one that this process has open already would drop SQLite's locks
  // on it, see fcntl(2).
  const UniqueFd made{::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!made && errno != EEXIST) {
    const auto full = errno == ENOSPC || errno == EDQUOT;
    auto error = Error::from_errno(errno, "open " + file.native());
    if (full) return Error(ErrorCode::ResourceExhausted, error.message());
    return error;
  }
  for (const auto* suffix : {"", "-wal", "-shm", "-journal"}) {
    const auto path = beside(file, suffix);
    if (::chmod(path.c_str(), 0600) == 0 || errno == ENOENT) continue;
    return Error::from_errno(errno, "make " + path.native() + " private");
  }
  return Ok{};
}

/// SQLite throws a log away whose database is missing or empty. It may be all that is left of the objects: keep it.
Status save_orphaned_log(const std::filesystem::path& file) {
  const auto log = beside(file, "-wal");
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (!error && size != 0) return Ok{};
  if (const auto left = std::filesystem::file_size(log, error); error || left == 0) return Ok{};
  const auto aside = beside(file, "-wal.lost");
  std::filesystem::rename(log, aside, error);
  if (error) return Error::from_errno(error.value(), "set " + log.native() + " aside");
  return Ok{};
}

/// What a stored row is to us: an object, or why it is none.
Result<model::Object> read_row(const StoreProblem& row, const std::string& text) {
  auto value = parse_json(text);
  if (!value) return std::move(value).error();
  if (!value->is_object()) return Error(ErrorCode::DataLoss, "not a JSON object");
  auto object = model::make_object(std::move(value->get_object()));
  if (!object) return object;
  if (model::info(object->kind).name != row.kind || object->meta.ns != row.ns || object->meta.name != row.name) {
    return Error(ErrorCode::DataLoss, "it says that it is " + object->key().display());
  }
  return object;
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
  if (auto saved = save_orphaned_log(file); !saved) return std::move(saved).error();
  if (auto closed = make_private(file); !closed) return std::move(closed).error();
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(
      file.c_str(), &handle,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, nullptr);
  if (handle == nullptr) return Error(ErrorCode::ResourceExhausted, "open " + file.native() + ": out of memory");
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(handle, file));
  if (result != SQLITE_OK) return database->error("open");
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return Error::from_errno(errno, "stat " + file.native());
  database->inode_ = found.st_ino;
  database->device_ = found.st_dev;
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
    return Error(ErrorCode::DataLoss,
                 fmt::format("open {}: its schema is version {}, this berthd knows up to {}: it was "
                             "written by a newer berthd, install that again",
                             file_.native(), *version, kSchemaVersion));
  }
  for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA cache_size=-160",
                          "PRAGMA journal_size_limit=4194304", "BEGIN EXCLUSIVE", "COMMIT"}) {
    if (auto done = execute(sql); !done) return done;
  }
  if (*version < kSchemaVersion) {
    if (auto made = make_schema(); !made) return made;
    made_now_ = true;
  }
  // A table of its own, which earlier versions do not look at: they can open the file as before.
  if (auto made = execute("CREATE TABLE IF NOT EXISTS identity (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT,"
                          " WITHOUT ROWID");
      !made) {
    return made;
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
    StoreProblem row;
    row.kind = column_text(rows.get(), 0);
    row.ns = column_text(rows.get(), 1);
    row.name = column_text(rows.get(), 2);
    auto object = read_row(row, column_text(rows.get(), 3));
    if (object) {
      contents.objects.push_back(*std::move(object));
      continue;
    }
    row.what = fmt::format("{} {}{}{}", row.kind, row.ns, row.ns.empty() ? "" : "/", row.name);
    row.reason = object.error().message();
    const auto& kinds = model::all_kinds();
    const auto known =
        std::find_if(kinds.begin(), kinds.end(), [&](const auto& each) { return each.name == row.kind; });
    if (known != kinds.end()) contents.unreadable[{known->kind, row.ns, row.name}] = row.reason;
    contents.problems.push_back(std::move(row));
  }
}

Result<std::map<model::ObjectKey, Revision>> SqliteDatabase::revisions() {
  const auto rows = compile(handle_,
                            "SELECT kind, namespace, name, CASE WHEN json_valid(json)"
                            " THEN CAST(json_extract(json, '$.metadata.resourceVersion') AS INTEGER) END FROM objects");
  if (!rows) return error("read");
  std::map<model::ObjectKey, Revision> all;
  for (;;) {
    const int step = sqlite3_step(rows.get());
    if (step == SQLITE_DONE) return all;
    if (step != SQLITE_ROW) return error("read");
    const auto* kind = model::find_kind(column_text(rows.get(), 0));
    if (kind == nullptr) continue;
    all[{kind->kind, column_text(rows.get(), 1), column_text(rows.get(), 2)}] =
        static_cast<Revision>(sqlite3_column_int64(rows.get(), 3));
  }
}

Result<std::string> SqliteDatabase::fact(std::string_view name) {
  const auto query = compile(handle_, "SELECT value FROM identity WHERE name = ?1");
  if (!query) return error("read");
  bind_text(query.get(), 1, name);
  const int step = sqlite3_step(query.get());
  if (step == SQLITE_DONE) return std::string();
  if (step != SQLITE_ROW) return error("read");
  return column_text(query.get(), 0);
}

Status SqliteDatabase::set_fact(std::string_view name, std::string_view value) {
  const auto put = compile(handle_, "INSERT INTO identity VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2");
  if (!put) return error("write");
  bind_text(put.get(), 1, name);
  bind_text(put.get(), 2, value);
  if (sqlite3_step(put.get()) != SQLITE_DONE) return error("write");
  return Ok{};
}

Result<std::string> SqliteDatabase::version() { return fact("version"); }

Result<Identity> SqliteDatabase::sign(const std::string& node, const std::string& version) {
  Identity identity;
  identity.made_now = made_now_;
  const auto id = fact("id");
  const auto made_for = fact("node");
  const auto opened = fact("opened");
  const auto copied = fact("copy_of");
  for (const auto* each : {&id, &made_for, &opened, &copied}) {
    if (!*each) return each->error();
  }
  identity.restored = !copied->empty();
  identity.id = id->empty() || identity.restored ? model::new_uid() : *id;
  identity.node = made_for->empty() ? node : *made_for;
  std::from_chars(opened->data(), opened->data() + opened->size(), identity.opened);
  ++identity.opened;

  if (auto set = execute("PRAGMA synchronous=FULL"); !set) return std::move(set).error();
  synced_mode_ = true;
  if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return std::move(begun).error();
  ScopeExit roll_back([this] { sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr); });
  if (auto written = write_identity(identity, version); !written) return std::move(written).error();
  if (auto committed = execute("COMMIT"); !committed) return std::move(committed).error();
  roll_back.dismiss();
  return identity;
}

Status SqliteDatabase::mark_as_copy() {
  const auto id = fact("id");
  if (!id) return id.error();
  return set_fact("copy_of", id->empty() ? "unknown" : *id);
}

Status SqliteDatabase::write_identity(const Identity& identity, const std::string& version) {
  for (const auto& [name, value] : {std::pair<std::string_view, std::string>{"id", identity.id},
                                    {"node", identity.node},
                                    {"opened", std::to_string(identity.opened)},
                                    {"version", version}}) {
    if (auto set = set_fact(name, value); !set) return set;
  }
  return execute("DELETE FROM identity WHERE name = 'copy_of'");
}

Status SqliteDatabase::fill_copy(const std::filesystem::path& target) {
  sqlite3* opened = nullptr;
  const int result = sqlite3_open_v2(target.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> copy(opened, &sqlite3_close_v2);
  const auto failed = [&](std::string_view doing) {
    return Error(opened == nullptr ? ErrorCode::ResourceExhausted : code_of(sqlite3_extended_errcode(opened)),
                 fmt::format("{} {}: {}", doing, target.native(), opened == nullptr ? "" : sqlite3_errmsg(opened)));
  };
  if (result != SQLITE_OK) return failed("open");
  auto* backup = sqlite3_backup_init(opened, "main", handle_, "main");
  if (backup == nullptr) return failed("copy to");
  sqlite3_backup_step(backup, -1);
  if (sqlite3_backup_finish(backup) != SQLITE_OK) return failed("copy to");
  // One file without a log; and whoever opens it in the store's place shall know that it is an older state.
  const auto mark = sqlite3_exec(opened,
                                 "PRAGMA journal_mode=DELETE;"
                                 "INSERT OR REPLACE INTO identity SELECT 'copy_of', value FROM identity"
                                 " WHERE name = 'id'",
                                 nullptr, nullptr, nullptr);
  if (mark != SQLITE_OK) return failed("mark");
  return Ok{};
}

Status SqliteDatabase::copy_to(const std::filesystem::path& target) {
  const auto half = beside(target, ".new");
  std::error_code error;
  std::filesystem::remove(half, error);
  const UniqueFd made{::open(half.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!made) return Error::from_errno(errno, "make " + half.native());
  ScopeExit drop([&] { std::filesystem::remove(half, error); });
  if (auto filled = fill_copy(half); !filled) return filled;
  if (::fsync(made.get()) != 0) return Error::from_errno(errno, "fsync " + half.native());
  std::filesystem::rename(half, target, error);
  if (error) return Error::from_errno(error.value(), "rename " + half.native());
  drop.dismiss();
  const UniqueFd directory{::open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory) ::fsync(directory.get());
  return Ok{};
}

bool SqliteDatabase::in_place() const {
  struct stat found {};
  return ::stat(file_.c_str(), &found) == 0 && found.st_ino == inode_ && found.st_dev == device_;
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
