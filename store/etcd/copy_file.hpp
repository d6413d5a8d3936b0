// store/etcd/copy_file.hpp - what was known of an etcd, on this host's disk: for a start while etcd is away.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "store/kept_object.hpp"
#include "store/sqlite_database.hpp"

namespace berth::store::etcd {

/// Of what, and for whom, it is a copy.
struct CopyOf {
  std::vector<std::string> endpoints;  ///< They change as members come and go: one in common makes it the same etcd.
  std::string prefix;
  std::string node;
};

/// All of it, as of one revision.
struct Copied {
  std::string store;  ///< Identity::id
  std::vector<model::Object> objects;
  Revision revision = 0;
  std::string as_of;  ///< RFC 3339: when it was written last.
};

/// Blocks as the disk does; any thread, while no CopyFile of that file exists.
/// Errors: NotFound (there is none, or it was never completed), FailedPrecondition (of another etcd, prefix or node, or
/// of another form), DataLoss (damaged), those of SqliteDatabase::open().
Result<Copied> read_copy(const std::filesystem::path& file, const CopyOf& of);

/// The file while it is written: SQLite's, mode 0600. One thread at a time.
class CopyFile {
 public:
  /// An object that is to be in it from now on; none: it is not.
  using Changed = std::vector<std::pair<model::ObjectKey, KeptObject>>;

  /// Goes on with the file if it is a copy of that, and of the store whose id is `store`; else begins anew. Its
  /// directory is made, mode 0700. Errors: those of SqliteDatabase::open() and of make_directories().
  static Result<std::unique_ptr<CopyFile>> open(const std::filesystem::path& file, const CopyOf& of,
                                                const std::string& store);

  /// Makes the file as the store is at `revision`: `all` of it, in any order.
  Status write_all(Changed all, Revision revision);
  /// The same by what changed since the last write.
  Status write(const Changed& changed, Revision revision);

 private:
  explicit CopyFile(std::unique_ptr<SqliteDatabase> database) : database_(std::move(database)) {}

  std::unique_ptr<SqliteDatabase> database_;
};

/// For a file that is damaged: there is none then.
void remove_copy(const std::filesystem::path& file);

}  // namespace berth::store::etcd
