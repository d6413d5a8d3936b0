// tests/systemd/fd_store_test.cpp - sockets across a restart: the test plays systemd on a socket of its own.
#include "systemd/fd_store.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include <gtest/gtest.h>

#include "tests/temp_dir.hpp"

namespace berth::systemd {
namespace {

ino_t file_of(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? info.st_ino : 0;
}

class FdStoreTest : public testing::Test {
 protected:
  FdStoreTest() : notify_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = (dir_.path() / "notify").string();
    std::memcpy(address.sun_path, path.c_str(), path.size());
    EXPECT_EQ(::bind(notify_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~FdStoreTest() override { ::unsetenv("NOTIFY_SOCKET"); }

  /// The next message, and the descriptor that came with it.
  std::pair<std::string, UniqueFd> told() const {
    std::array<char, 1024> text{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
    iovec part{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    const auto size = ::recvmsg(notify_.get(), &message, MSG_CMSG_CLOEXEC);
    UniqueFd fd;
    if (const auto* with = CMSG_FIRSTHDR(&message); with != nullptr && with->cmsg_type == SCM_RIGHTS) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(with), sizeof(number));
      fd.reset(number);
    }
    return {std::string(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))), std::move(fd)};
  }

  TempDir dir_;
  UniqueFd notify_;
};

TEST_F(FdStoreTest, WhatIsKeptGoesToSystemdUnderItsName) {
  FdStore store;
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  store.keep("dns-udp-192.0.2.1-53", socket.get());
  const auto [text, fd] = told();
  EXPECT_EQ(text, "FDSTORE=1\nFDNAME=dns-udp-192.0.2.1-53\nFDPOLL=0");
  EXPECT_EQ(file_of(fd.get()), file_of(socket.get()));
  EXPECT_FALSE(store.take("dns-udp-192.0.2.1-53")) << "that is for the next process";
  store.drop_others();  // Nothing to say: what was kept in this process stays.
  EXPECT_LT(::recv(notify_.get(), nullptr, 0, MSG_DONTWAIT), 0);
}

/// In a child, as systemd hands descriptors over from number 3 on.
TEST_F(FdStoreTest, WhatAnEarlierProcessKeptIsTakenByNameAndTheRestDropped) {
  std::array<UniqueFd, 2> sockets;
  for (auto& socket : sockets) socket.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto first = file_of(sockets[0].get());
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::array<int, 2> high{::fcntl(sockets[0].get(), F_DUPFD, 100), ::fcntl(sockets[1].get(), F_DUPFD, 100)};
    ::dup2(high[0], 3);
    ::dup2(high[1], 4);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "2", 1);
    ::setenv("LISTEN_FDNAMES", "api-tcp-a:api-tcp-b", 1);
    FdStore store;
    auto good = ::getenv("LISTEN_FDS") == nullptr && !store.take("api-tcp-c");
    for (int again = 0; again < 2; ++again) good = good && file_of(store.take("api-tcp-a").get()) == first;
    store.drop_others();
    good = good && !store.take("api-tcp-b") && store.take("api-tcp-a");
    store.close();
    good = good && ::fcntl(3, F_GETFD) < 0 && !store.take("api-tcp-a");
    ::_exit(good ? 0 : 1);
  }
  EXPECT_EQ(told().first, "FDSTOREREMOVE=1\nFDNAME=api-tcp-b");
  EXPECT_EQ(told().first, "BARRIER=1") << "answered by the descriptor's end";
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace berth::systemd
