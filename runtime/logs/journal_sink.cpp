// runtime/logs/journal_sink.cpp - lines into journald by its native protocol, see log_sink.hpp.
//
// libsystemd's sd_journal_sendv() reports success when no journal listens, which would lose lines: so the datagram is
// made here. It always fits: a line has at most kMaxLine bytes.
#include <sys/socket.h>

#include <endian.h>

#include <algorithm>

#include "base/unique_fd.hpp"
#include "base/unix_address.hpp"
#include "runtime/logs/log_sink.hpp"

namespace berth::runtime {
namespace {

void add_field(std::string& out, std::string_view key, std::string_view value) {
  out.append(key);
  if (value.find('\n') == std::string_view::npos) {
    out += '=';
    out.append(value);
    out += '\n';
    return;
  }
  // Values with newlines (none of ours should have any) and arbitrary bytes: length-prefixed.
  out += '\n';
  const auto length = htole64(value.size());
  out.append(reinterpret_cast<const char*>(&length), sizeof length);
  out.append(value);
  out += '\n';
}

class JournalSink final : public LogSink {
 public:
  JournalSink(std::filesystem::path socket, BatchMark* mark)
      : socket_(std::move(socket)), mark_(mark != nullptr ? *mark : unshared_) {}

  Status write(const LogSource& source, bool is_stderr, WallTime, const std::vector<LinePiece>& lines) override {
    return send(source, is_stderr, lines, 0);
  }

  /// Whether the one behind those that were counted was sent is not known: better twice than not at all.
  Status resume(const LogSource& source, bool is_stderr, const BatchMark::Pending& batch,
                const std::vector<LinePiece>& lines) override {
    return send(source, is_stderr, lines, std::min(batch.stored, lines.size()));
  }

  void finish(const LogSource&) override {}
  void clean_up(const std::vector<std::string>&) override {}  // journald has its own limits, see journald.conf(5).

 private:
  Status send(const LogSource& source, bool is_stderr, const std::vector<LinePiece>& lines, std::size_t sent) {
    if (auto connected = connect(); !connected) return connected;
    std::string common;
    add_field(common, "PRIORITY", is_stderr ? "3" : "6");
    add_field(common, "SYSLOG_IDENTIFIER", source.pod + "/" + source.container);
    add_field(common, "BERTH_NAMESPACE", source.ns);
    add_field(common, "BERTH_POD", source.pod);
    add_field(common, "BERTH_POD_UID", source.pod_uid);
    add_field(common, "BERTH_CONTAINER", source.container);
    add_field(common, "BERTH_STREAM", is_stderr ? "stderr" : "stdout");
    add_field(common, "BERTH_ATTEMPT", std::to_string(source.attempt));
    add_field(common, "CONTAINER_ID", source.container_id);
    for (; sent < lines.size(); ++sent) {
      const auto& line = lines[sent];
      datagram_ = common;
      if (line.partial) add_field(datagram_, "BERTH_PARTIAL", "1");
      add_field(datagram_, "MESSAGE", line.text);
      // Blocks while journald is behind: the FIFO fills, the container waits, nothing is lost.
      if (::send(fd_.get(), datagram_.data(), datagram_.size(), MSG_NOSIGNAL) < 0) {
        const auto why = errno;
        fd_.reset();
        return Error::from_errno(why, "send to " + socket_.string());
      }
      mark_.set_stored(sent + 1);
    }
    return Ok{};
  }

  Status connect() {
    if (fd_) return Ok{};
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd) return Error::from_errno(errno, "socket");
    const auto& path = socket_.native();
    const auto address = unix_address(socket_);
    if (!address) return Error(ErrorCode::InvalidArgument, path + ": path too long");
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
      // Whatever it is, no stream can be stored now: journald is away, perhaps with its socket.
      return Error(ErrorCode::Unavailable, Error::from_errno(errno, "connect to " + path).message());
    }
    fd_ = std::move(fd);
    return Ok{};
  }

  std::filesystem::path socket_;
  BatchMark unshared_;
  BatchMark& mark_;
  UniqueFd fd_;
  std::string datagram_;
};

}  // namespace

std::unique_ptr<LogSink> make_journal_sink(const std::filesystem::path& socket, BatchMark* mark) {
  return std::make_unique<JournalSink>(socket, mark);
}

}  // namespace berth::runtime
