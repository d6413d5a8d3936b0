// runtime/logs/batch_mark.cpp - see batch_mark.hpp.
#include "runtime/logs/batch_mark.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/unique_fd.hpp"

namespace berth::runtime {
namespace {

constexpr std::uint64_t kMagic = 0x62657274'68000001;  // "berth", version 1

}  // namespace

struct BatchMark::Record {
  std::uint64_t magic;
  std::int64_t nanoseconds;
  std::uint64_t inode;
  std::uint64_t size;
  std::uint32_t bytes;
  std::uint32_t lines;
  std::uint32_t stored;
  std::uint8_t begun;
  std::uint8_t is_stderr;
  /// The last byte as it is in the FIFO, and as it was read away: different until then.
  std::array<std::uint8_t, 2> last;
  std::array<char, 128> directory;
};

namespace {

/// What a killed process had done is in its memory in the order of the program, if the compiler leaves it there.
void in_order() { std::atomic_signal_fence(std::memory_order_seq_cst); }

}  // namespace

BatchMark::BatchMark() : record_(new Record{}) {}

BatchMark::BatchMark(Record* shared) : record_(shared), shared_(true) {}

BatchMark::BatchMark(BatchMark&& other) noexcept
    : record_(std::exchange(other.record_, nullptr)), shared_(other.shared_), copied_(other.copied_) {}

BatchMark::~BatchMark() {
  if (record_ == nullptr) return;
  if (shared_) {
    ::munmap(record_, sizeof(Record));
  } else {
    delete record_;
  }
}

Result<BatchMark> BatchMark::open(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return Error::from_errno(errno, "open " + file.string());
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return Error::from_errno(errno, "stat " + file.string());
  // Room on the disk now, and not when it is written to: that would be SIGBUS.
  const auto missing = facts.st_size < static_cast<off_t>(sizeof(Record));
  if (missing) {
    if (const auto error = ::posix_fallocate(fd.get(), 0, sizeof(Record)); error != 0) {
      return Error::from_errno(error, "make " + file.string());
    }
  }
  void* page = ::mmap(nullptr, sizeof(Record), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (page == MAP_FAILED) return Error::from_errno(errno, "map " + file.string());
  auto* record = static_cast<Record*>(page);
  if (record->magic != kMagic) {
    *record = Record{};
    in_order();
    record->magic = kMagic;
  }
  return BatchMark(record);
}

std::optional<BatchMark::Pending> BatchMark::pending() const {
  const auto& now = *record_;
  if (now.begun == 0 || now.last[0] == now.last[1]) return std::nullopt;
  return Pending{.directory = std::string(now.directory.data(), ::strnlen(now.directory.data(), now.directory.size())),
                 .is_stderr = now.is_stderr != 0,
                 .time = WallTime(std::chrono::nanoseconds(now.nanoseconds)),
                 .bytes = now.bytes,
                 .lines = now.lines,
                 .stored = now.stored,
                 .inode = now.inode,
                 .size = now.size,
                 .last = now.last[0]};
}

void BatchMark::begin(const std::string& directory, bool is_stderr, WallTime time, std::string_view bytes,
                      std::size_t lines) {
  auto& now = *record_;
  now.begun = 0;
  in_order();
  copied_ = 0;
  now.stored = 0;
  now.inode = 0;
  now.size = 0;
  if (directory.size() >= now.directory.size() || bytes.empty()) return;
  std::memcpy(now.directory.data(), directory.c_str(), directory.size() + 1);
  now.is_stderr = is_stderr ? 1 : 0;
  now.nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  now.bytes = static_cast<std::uint32_t>(bytes.size());
  now.lines = static_cast<std::uint32_t>(lines);
  leaving(bytes);
  in_order();
  now.begun = 1;
}

void BatchMark::set_stored(std::size_t lines) {
  in_order();
  record_->stored = static_cast<std::uint32_t>(lines);
}

std::size_t BatchMark::stored() const { return record_->stored; }

void BatchMark::set_file(std::uint64_t inode, std::uint64_t size) {
  record_->inode = 0;
  in_order();
  record_->size = size;
  in_order();
  record_->inode = inode;
  in_order();
}

unsigned char* BatchMark::leaving(std::string_view bytes) {
  auto& now = *record_;
  const auto last = static_cast<std::uint8_t>(bytes.back());
  now.bytes = static_cast<std::uint32_t>(bytes.size());
  in_order();
  const std::array<std::uint8_t, 2> both{last, static_cast<std::uint8_t>(~last)};
  std::memcpy(now.last.data(), both.data(), both.size());  // One store: there is no moment at which they are equal.
  in_order();
  return &now.last[1];
}

void BatchMark::end() {
  in_order();
  record_->begun = 0;
}

}  // namespace berth::runtime
