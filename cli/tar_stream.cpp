// cli/tar_stream.cpp - tar archives piece by piece.
#include "cli/tar_stream.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <vector>

#include <fmt/format.h>

#include "base/unique_fd.hpp"

namespace berth::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 512;
constexpr std::size_t kPiece = 32 * 1024;
constexpr std::uint64_t kMostSpecial = 1024 * 1024;
constexpr std::size_t kNameField = 100;

/// A text field of a header: up to its NUL.
std::string field(std::string_view block, std::size_t at, std::size_t size) {
  const auto text = block.substr(at, size);
  return std::string(text.substr(0, std::min(text.find('\0'), text.size())));
}

/// Octal, or base 256 when the first bit is set (GNU).
std::uint64_t number(std::string_view block, std::size_t at, std::size_t size) {
  std::uint64_t out = 0;
  if ((static_cast<unsigned char>(block[at]) & 0x80) != 0) {
    out = static_cast<unsigned char>(block[at]) & 0x7f;
    for (std::size_t i = 1; i < size; ++i) out = (out << 8) | static_cast<unsigned char>(block[at + i]);
    return out;
  }
  for (std::size_t i = 0; i < size; ++i) {
    const char c = block[at + i];
    if (c >= '0' && c <= '7') out = out * 8 + static_cast<std::uint64_t>(c - '0');
    if ((c == ' ' || c == '\0') && out > 0) break;
  }
  return out;
}

/// The sum of all bytes, the checksum itself read as blanks.
std::uint64_t checksum(std::string_view block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
  return sum;
}

std::string header_block(std::string_view name, char type, std::uint64_t size, unsigned mode, std::int64_t modified,
                         std::string_view link) {
  std::string block(kBlock, '\0');
  const auto put = [&](std::size_t at, std::string_view text) {
    std::memcpy(block.data() + at, text.data(), text.size());
  };
  put(0, name.substr(0, kNameField));
  put(100, fmt::format("{:07o}", mode & 07777));
  put(108, "0000000");
  put(116, "0000000");
  constexpr std::uint64_t kOctalLimit = 8ULL * 1024 * 1024 * 1024;
  if (size < kOctalLimit) {
    put(124, fmt::format("{:011o}", size));
  } else {
    block[124] = static_cast<char>(0x80);
    for (std::size_t i = 0; i < 8; ++i) block[124 + 11 - i] = static_cast<char>((size >> (8 * i)) & 0xff);
  }
  put(136, fmt::format("{:011o}", std::max<std::int64_t>(0, modified)));
  block[156] = type;
  put(157, link.substr(0, kNameField));
  put(257, std::string_view("ustar\00000", 8));
  put(148, fmt::format("{:06o}", checksum(block)));
  block[155] = ' ';
  return block;
}

std::string padded(std::string text) {
  text.resize((text.size() + kBlock - 1) / kBlock * kBlock, '\0');
  return text;
}

/// A header, with GNU's extra entries before it when a name is too long for it.
std::string headers(const std::string& name, char type, std::uint64_t size, const struct stat& info,
                    const std::string& link) {
  std::string out;
  for (const auto& [text, kind] : {std::pair(&name, 'L'), std::pair(&link, 'K')}) {
    if (text->size() < kNameField) continue;
    out += header_block("././@LongLink", kind, text->size() + 1, 0, 0, "");
    out += padded(*text + '\0');
  }
  return out + header_block(name, type, size, static_cast<unsigned>(info.st_mode), info.st_mtim.tv_sec, link);
}

}  // namespace

std::string tar_file(const std::string& name, std::string_view content) {
  struct stat info {};
  info.st_mode = 0600;
  info.st_mtim.tv_sec = ::time(nullptr);
  return headers(name, '0', content.size(), info, "") + padded(std::string(content));
}

std::string tar_end() { return std::string(2 * kBlock, '\0'); }

Status TarReader::add(std::string_view bytes) {
  while (!bytes.empty() && !finished_) {
    if (remaining_ > 0) {
      const auto now = bytes.substr(0, std::min<std::uint64_t>(remaining_, bytes.size()));
      if (special_ != 0) {
        special_data_ += now;
      } else if (open_) {
        if (auto done = sink_.data(now); !done) return done;
      }
      remaining_ -= now.size();
      bytes.remove_prefix(now.size());
      if (remaining_ > 0) break;
    } else if (padding_ > 0) {
      const auto now = std::min<std::uint64_t>(padding_, bytes.size());
      padding_ -= now;
      bytes.remove_prefix(now);
    } else {
      const auto now = std::min(kBlock - pending_.size(), bytes.size());
      pending_ += bytes.substr(0, now);
      bytes.remove_prefix(now);
      if (pending_.size() < kBlock) break;
      auto done = header(pending_);
      pending_.clear();
      if (!done) return done;
    }
    if (remaining_ > 0 || finished_) continue;
    if (special_ != 0) {
      if (auto done = special_done(); !done) return done;
    } else if (open_) {
      open_ = false;
      if (auto done = sink_.end(); !done) return done;
    }
  }
  return Ok{};
}

Status TarReader::header(std::string_view block) {
  if (block.find_first_not_of('\0') == std::string_view::npos) {
    finished_ = true;
    return Ok{};
  }
  if (number(block, 148, 8) != checksum(block)) return Error(ErrorCode::DataLoss, "tar contents corrupted");
  const char type = block[156];
  auto size = number(block, 124, 12);
  if (size > (std::uint64_t{1} << 62)) return Error(ErrorCode::DataLoss, "tar contents corrupted");
  if (type == 'L' || type == 'K' || type == 'x' || type == 'g') {
    if (size > kMostSpecial) return Error(ErrorCode::DataLoss, "tar contents corrupted: a name is too long");
    special_ = type;
    special_data_.clear();
    remaining_ = size;
    padding_ = (kBlock - size % kBlock) % kBlock;
    return Ok{};
  }
  entry_ = {};
  entry_.name = field(block, 0, kNameField);
  if (const auto prefix = field(block, 345, 155);
      block.substr(257, 6) == std::string_view("ustar\0", 6) && !prefix.empty()) {
    entry_.name = fmt::format("{}/{}", prefix, entry_.name);
  }
  entry_.link = field(block, 157, kNameField);
  entry_.mode = static_cast<unsigned>(number(block, 100, 8)) & 07777;
  if (!next_name_.empty()) entry_.name = std::exchange(next_name_, {});
  if (!next_link_.empty()) entry_.link = std::exchange(next_link_, {});
  if (std::exchange(has_next_size_, false)) size = next_size_;
  entry_.type = type == '5'                                  ? TarEntry::Type::Directory
                : type == '2'                                ? TarEntry::Type::Symlink
                : type == '0' || type == '\0' || type == '7' ? TarEntry::Type::File
                                                             : TarEntry::Type::Other;
  entry_.size = entry_.type == TarEntry::Type::File ? size : 0;
  // A link's size is that of its target in some archives; nothing follows it.
  remaining_ = type == '1' || type == '2' || type == '5' ? 0 : size;
  padding_ = (kBlock - remaining_ % kBlock) % kBlock;
  open_ = entry_.type == TarEntry::Type::File;
  return sink_.begin(entry_);
}

Status TarReader::special_done() {
  const char type = std::exchange(special_, 0);
  auto text = std::exchange(special_data_, {});
  if (type == 'L' || type == 'K') {
    while (text.ends_with('\0')) text.pop_back();
    (type == 'L' ? next_name_ : next_link_) = std::move(text);
    return Ok{};
  }
  if (type == 'g') return Ok{};
  // pax: "LENGTH KEY=VALUE\n", LENGTH counts the whole record.
  std::string_view rest = text;
  while (!rest.empty()) {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
    const auto digits = static_cast<std::size_t>(end - rest.data());
    if (error != std::errc() || length < digits + 3 || length > rest.size())
      return Error(ErrorCode::DataLoss, "tar contents corrupted");
    const auto record = rest.substr(digits + 1, length - digits - 2);
    rest.remove_prefix(length);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos) continue;
    const auto key = record.substr(0, equals);
    const auto value = record.substr(equals + 1);
    if (key == "path") next_name_ = value;
    if (key == "linkpath") next_link_ = value;
    if (key == "size")
      has_next_size_ = std::from_chars(value.data(), value.data() + value.size(), next_size_).ec == std::errc();
  }
  return Ok{};
}

struct TarWriter::State {
  struct Waiting {
    fs::path source;
    std::string name;
  };
  std::vector<Waiting> waiting;  ///< A stack: the next one is last.
  UniqueFd file;
  std::uint64_t left = 0;
  std::uint64_t padding = 0;
  bool ended = false;
  std::string problem;

  void note(const fs::path& source, int error) {
    if (problem.empty()) problem = fmt::format("{}: {}", source.string(), std::strerror(error));
  }

  std::string begin_next() {
    const auto now = std::move(waiting.back());
    waiting.pop_back();
    struct stat info {};
    if (::lstat(now.source.c_str(), &info) != 0) {
      note(now.source, errno);
      return {};
    }
    if (S_ISDIR(info.st_mode)) {
      std::error_code error;
      std::vector<Waiting> inside;
      for (fs::directory_iterator at(now.source, error), end; !error && at != end; at.increment(error)) {
        inside.push_back({at->path(), fmt::format("{}/{}", now.name, at->path().filename().string())});
      }
      if (error) note(now.source, error.value());
      std::sort(inside.begin(), inside.end(), [](const auto& a, const auto& b) { return a.name > b.name; });
      waiting.insert(waiting.end(), inside.begin(), inside.end());
      return headers(now.name + "/", '5', 0, info, "");
    }
    if (S_ISLNK(info.st_mode)) {
      std::error_code error;
      const auto target = fs::read_symlink(now.source, error);
      return headers(now.name, '2', 0, info, target.string());
    }
    if (!S_ISREG(info.st_mode)) return {};  // sockets, devices: nothing to copy
    UniqueFd opened(::open(now.source.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!opened) {
      note(now.source, errno);
      return {};
    }
    file = std::move(opened);
    left = static_cast<std::uint64_t>(info.st_size);
    padding = (kBlock - left % kBlock) % kBlock;
    return headers(now.name, '0', left, info, "");
  }

  /// What the file has, or zeros when it has become shorter.
  std::string piece() {
    std::string out(static_cast<std::size_t>(std::min<std::uint64_t>(left, kPiece)), '\0');
    if (!out.empty()) {
      const auto got = ::read(file.get(), out.data(), out.size());
      if (got > 0) out.resize(static_cast<std::size_t>(got));
    }
    left -= out.size();
    if (left == 0) {
      out.append(padding, '\0');
      padding = 0;
      file = UniqueFd();
    }
    return out;
  }
};

TarWriter::TarWriter(fs::path source, std::string name) : state_(std::make_unique<State>()) {
  state_->waiting.push_back({std::move(source), std::move(name)});
}
TarWriter::~TarWriter() = default;

std::string TarWriter::next() {
  auto& state = *state_;
  while (true) {
    if (state.file) {
      auto piece = state.piece();
      if (!piece.empty()) return piece;
      continue;
    }
    if (state.waiting.empty()) {
      if (std::exchange(state.ended, true)) return {};
      return std::string(2 * kBlock, '\0');
    }
    auto header = state.begin_next();
    if (!header.empty()) return header;
  }
}

const std::string& TarWriter::problem() const { return state_->problem; }

Result<std::string> safe_member(std::string_view name, std::string_view prefix) {
  const Error outside(ErrorCode::InvalidArgument,
                      fmt::format("the archive's member \"{}\" is outside of \"{}\"", name, prefix));
  if (!name.starts_with(prefix)) return outside;
  auto rest = name.substr(prefix.size());
  if (!rest.empty() && !prefix.empty() && !prefix.ends_with('/') && rest.front() != '/') return outside;
  while (rest.starts_with('/')) {
    if (prefix.empty()) return outside;
    rest.remove_prefix(1);
  }
  std::string out;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('/'), rest.size());
    const auto step = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (step.empty() || step == ".") continue;
    if (step == ".." || step.find('\0') != std::string_view::npos) return outside;
    out += fmt::format("{}{}", out.empty() ? "" : "/", step);
  }
  return out;
}

}  // namespace berth::cli
