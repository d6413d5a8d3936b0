// runtime/logs/attach_server.cpp - see attach_server.hpp.
#include "runtime/logs/attach_server.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/log.hpp"
#include "base/unix_address.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxQuestion = 512;
constexpr int kBacklog = 16;

/// Root, or who we are.
bool may_attach(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == ::geteuid());
}

}  // namespace

AttachServer::~AttachServer() {
  if (listener_) ::unlink(path_.c_str());
}

Status AttachServer::listen(const std::filesystem::path& path, int epoll) {
  const auto doing = "listen on " + path.string();
  const auto address = unix_address(path);
  if (!address) {
    return Error(ErrorCode::InvalidArgument, doing + ": the path of a socket may have at most 107 bytes");
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, doing);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::from_errno(errno, doing);
  // The mode of the socket is that of its file, from the first moment: unix_bind() in the kernel.
  if (::fchmod(fd.get(), 0600) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return Error::from_errno(errno, doing);
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd.get();
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd.get(), &event) != 0) return Error::from_errno(errno, doing);
  path_ = path;
  epoll_ = epoll;
  listener_ = std::move(fd);
  return Ok{};
}

void AttachServer::accept_all() {
  for (;;) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    if (!may_attach(fd.get())) continue;
    if (readers_.size() >= kMaxAttached) {
      (void)::send(fd.get(), &kTooManyAttached, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      continue;
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.fd = fd.get();
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd.get(), &event) != 0) continue;
    const auto key = fd.get();
    readers_[key].fd = std::move(fd);
  }
}

bool AttachServer::handle(int fd, std::uint32_t events) {
  if (listener_ && fd == listener_.get()) {
    accept_all();
    return true;
  }
  const auto found = readers_.find(fd);
  if (found == readers_.end()) return false;
  auto& reader = found->second;
  auto keep = Keep::Yes;
  if (reader.stream < 0) {
    keep = read_question(reader);
  } else if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    keep = Keep::No;  // it has left; there is nothing more to say for it
  } else if ((events & EPOLLOUT) != 0) {
    keep = flush(reader);
  }
  if (keep == Keep::No) readers_.erase(found);  // closing takes it out of the epoll set, too
  return true;
}

AttachServer::Keep AttachServer::read_question(Reader& reader) {
  std::array<char, kMaxQuestion> buffer{};
  const auto count = ::recv(reader.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? Keep::Yes : Keep::No;
  if (count == 0) return Keep::No;
  reader.text.append(buffer.data(), static_cast<std::size_t>(count));
  if (reader.text.size() > kMaxQuestion) return Keep::No;
  const auto end = reader.text.find('\n');
  if (end == std::string::npos) return Keep::Yes;
  const auto space = reader.text.find(' ');
  const auto container = reader.text.substr(0, space);
  const auto stream = space < end ? reader.text.substr(space + 1, end - space - 1) : std::string();
  reader.text.clear();
  const bool known = stream == "stdout" || stream == "stderr";
  reader.stream = known ? find_(container, stream == "stderr") : -1;
  const auto answer = reader.stream < 0 ? kNoSuchStream : kAttached;
  const auto sent = send(reader, {&answer, 1});
  return reader.stream < 0 ? Keep::No : sent;
}

AttachServer::Keep AttachServer::send(Reader& reader, std::string_view bytes) {
  if (reader.text.empty() && !bytes.empty()) {
    const auto sent = ::send(reader.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return Keep::No;
    bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
  }
  if (bytes.empty()) return Keep::Yes;
  if (reader.text.size() + bytes.size() > kMaxAttachedBehind) {
    log(LogLevel::Warning, "somebody who is attached reads too slowly, dropping them");
    return Keep::No;
  }
  reader.text += bytes;
  return await_writable(reader, true);
}

AttachServer::Keep AttachServer::flush(Reader& reader) {
  while (!reader.text.empty()) {
    const auto sent = ::send(reader.fd.get(), reader.text.data(), reader.text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? Keep::Yes : Keep::No;
    reader.text.erase(0, static_cast<std::size_t>(sent));
  }
  if (reader.ending) return Keep::No;
  reader.text.shrink_to_fit();
  return await_writable(reader, false);
}

AttachServer::Keep AttachServer::await_writable(Reader& reader, bool wanted) const {
  if (reader.writable_awaited == wanted) return Keep::Yes;
  reader.writable_awaited = wanted;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | (wanted ? EPOLLOUT : 0U);
  event.data.fd = reader.fd.get();
  return ::epoll_ctl(epoll_, EPOLL_CTL_MOD, reader.fd.get(), &event) == 0 ? Keep::Yes : Keep::No;
}

template <typename Act>
void AttachServer::for_each(int stream, Act act) {
  for (auto at = readers_.begin(); at != readers_.end();) {
    auto& reader = at->second;
    const bool theirs = reader.stream == stream && !reader.ending;
    at = theirs && act(reader) == Keep::No ? readers_.erase(at) : std::next(at);
  }
}

void AttachServer::show(int stream, std::string_view head) {
  for_each(stream, [&](Reader& reader) {
    const auto old = std::min(reader.seen, head.size());
    reader.seen = std::max(reader.seen, head.size());
    return send(reader, head.substr(old));
  });
}

void AttachServer::consumed(int stream, std::size_t bytes) {
  for_each(stream, [&](Reader& reader) {
    reader.seen -= std::min(reader.seen, bytes);
    return Keep::Yes;
  });
}

void AttachServer::end(int stream) {
  for_each(stream, [](Reader& reader) {
    reader.ending = true;
    return reader.text.empty() ? Keep::No : Keep::Yes;
  });
}

}  // namespace berth::runtime
