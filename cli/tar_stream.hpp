// cli/tar_stream.hpp - tar archives piece by piece, for `berth cp`: reads what tar(1) writes, writes what it reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::cli {

struct TarEntry {
  enum class Type { File, Directory, Symlink, Other };
  Type type = Type::File;
  std::string name;  ///< As the archive says: trust nothing in it.
  std::string link;
  std::uint64_t size = 0;
  unsigned mode = 0644;
};

/// Who takes an archive's contents.
class TarSink {
 public:
  virtual ~TarSink() = default;
  virtual Status begin(const TarEntry& entry) = 0;
  /// Bytes of the File that was begun last.
  virtual Status data(std::string_view bytes) = 0;
  virtual Status end() = 0;
};

/// Takes an archive in pieces of any size: POSIX ustar with pax paths and sizes, and GNU's long names.
class TarReader {
 public:
  explicit TarReader(TarSink& sink) : sink_(sink) {}

  /// DataLoss: this is no archive. Errors of the sink pass through.
  Status add(std::string_view bytes);
  /// Did the archive end where an archive may end?
  bool is_complete() const { return finished_ || (pending_.empty() && remaining_ == 0 && padding_ == 0); }

 private:
  Status header(std::string_view block);
  Status special_done();

  TarSink& sink_;
  std::string pending_;  ///< Less than a block.
  TarEntry entry_;
  char special_ = 0;  ///< 'L', 'K', 'x', 'g': the data is about the next entry.
  std::string special_data_;
  std::string next_name_, next_link_;
  std::uint64_t next_size_ = 0;
  bool has_next_size_ = false;
  bool open_ = false;
  std::uint64_t remaining_ = 0;
  std::uint64_t padding_ = 0;
  bool finished_ = false;
};

/// Makes an archive of one file or folder, piece by piece.
class TarWriter {
 public:
  /// The archive names `source` `name`, and what is below it `name/...`.
  TarWriter(std::filesystem::path source, std::string name);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  /// The next piece; empty: the end. What cannot be read is left out and said in problem().
  std::string next();
  const std::string& problem() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One file of an archive, mode 0600, as of now: its header and its content.
std::string tar_file(const std::string& name, std::string_view content);
/// What an archive ends with.
std::string tar_end();

/// The name below `prefix` as a relative path; InvalidArgument: outside of it, absolute, or with a ".." step.
Result<std::string> safe_member(std::string_view name, std::string_view prefix);

}  // namespace berth::cli
