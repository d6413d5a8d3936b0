// runtime/logs/batch_mark.hpp - how far the batch that is being stored has come, where a killed collector left it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace berth::runtime {

/// A page of memory that is shared with a file (mmap(2)): what is written into it is there after a SIGKILL of the
/// writer, and costs no system call. The collector stores one batch at a time, so one record is enough.
///
/// Whether a batch has left its FIFO is known to the byte, too: the last byte that is read away goes into this page
/// (readv(2)), over one that was put there and differs from it.
///
/// One thread. A power cut ends it, and with it the FIFOs.
class BatchMark {
 public:
  /// In this process's memory only: nothing is known after a kill.
  BatchMark();
  ~BatchMark();
  BatchMark(BatchMark&& other) noexcept;
  BatchMark& operator=(BatchMark&&) = delete;

  /// As of open(2), ftruncate(2), mmap(2). What is not of this version is passed over.
  static Result<BatchMark> open(const std::filesystem::path& file);

  /// A batch that was begun, and whose bytes are all in the FIFO still.
  struct Pending {
    std::string directory;  ///< Of its FIFO, below the collector's.
    bool is_stderr = false;
    WallTime time{};
    std::size_t bytes = 0;
    std::size_t lines = 0;    ///< That were to be stored: the first ones in `bytes`.
    std::size_t stored = 0;   ///< Of those, in the sink that counts.
    std::uint64_t inode = 0;  ///< Of the file that was being written; 0: none yet.
    std::uint64_t size = 0;   ///< Which it had before.
    unsigned char last = 0;   ///< The last one of `bytes`.
  };
  std::optional<Pending> pending() const;

  /// Names that do not fit (of over 127 bytes, not berth's own) are not marked.
  void begin(const std::string& directory, bool is_stderr, WallTime time, std::string_view bytes, std::size_t lines);

  /// By a sink: so many of the batch's lines are stored for good. Also read by the collector after a write that failed.
  void set_stored(std::size_t lines);
  std::size_t stored() const;

  /// By a sink that writes files, before it does.
  void set_file(std::uint64_t inode, std::uint64_t size);

  /// By a sink beside the one that counts.
  void set_copied(std::size_t lines) { copied_ = lines; }
  std::size_t copied() const { return copied_; }

  /// `bytes`, of those that were begun with, are about to leave the FIFO. Returns where the last one has to go.
  unsigned char* leaving(std::string_view bytes);

  void end();

 private:
  struct Record;
  explicit BatchMark(Record* shared);

  Record* record_;
  bool shared_ = false;
  std::size_t copied_ = 0;
};

}  // namespace berth::runtime
