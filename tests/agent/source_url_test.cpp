// tests/agent/source_url_test.cpp - a small HTTP server on loopback says what we want it to say.
#include "agent/sources/source_url.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/unique_fd.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;

constexpr const char* kManifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

std::string response(const std::string& status, const std::string& body, const std::string& headers = "") {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}", status, body.size(), headers,
                     body);
}

/// Answers every request with the text that is set, and keeps what was asked.
class Server {
 public:
  Server() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), end_(::eventfd(0, EFD_CLOEXEC)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 8) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ~Server() { ::eventfd_write(end_.get(), 1); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url() const { return fmt::format("http://127.0.0.1:{}/node.yaml", port_); }
  void answer(std::string text) {
    const std::scoped_lock lock(mutex_);
    answer_ = std::move(text);
  }
  std::string last_request() {
    const std::scoped_lock lock(mutex_);
    return request_;
  }

 private:
  void serve() {
    for (;;) {
      std::array<pollfd, 2> wait{pollfd{listener_.get(), POLLIN, 0}, pollfd{end_.get(), POLLIN, 0}};
      ::poll(wait.data(), wait.size(), -1);
      if (wait[1].revents != 0) return;
      const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::string request;
      std::array<char, 4096> buffer{};
      while (request.find("\r\n\r\n") == std::string::npos) {
        const auto got = ::read(peer.get(), buffer.data(), buffer.size());
        if (got <= 0) break;
        request.append(buffer.data(), static_cast<std::size_t>(got));
      }
      std::string text;
      {
        const std::scoped_lock lock(mutex_);
        request_ = request;
        text = answer_;
      }
      if (text.empty()) {  // says nothing until the client goes away
        while (::read(peer.get(), buffer.data(), buffer.size()) > 0) {
        }
        continue;
      }
      std::string_view rest = text;
      while (!rest.empty()) {
        const auto sent = ::send(peer.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent <= 0) break;
        rest.remove_prefix(static_cast<std::size_t>(sent));
      }
    }
  }

  UniqueFd listener_;
  UniqueFd end_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::string answer_;
  std::string request_;
  std::jthread thread_;
};

class SourceUrl : public testing::Test {
 protected:
  UrlSourceOptions options() {
    UrlSourceOptions result;
    result.request.url = server_.url();
    result.interval = milliseconds{3'600'000};
    return result;
  }
  void start(const UrlSourceOptions& options) {
    source_ = make_url_source(loop_, *lane_, options, [this](SourceSnapshot snapshot) { last_ = std::move(snapshot); });
    loop_.poll();
  }
  /// What the next answer gives; none when it was not modified.
  std::optional<SourceSnapshot> again() {
    last_.reset();
    source_->read_again();
    loop_.poll();
    return last_;
  }

  Server server_;
  Loop loop_;
  std::unique_ptr<Lane> lane_ = make_inline_lane();
  std::optional<SourceSnapshot> last_;
  std::unique_ptr<Source> source_;
};

TEST_F(SourceUrl, ReadsTheDocumentAndAsksOnlyForNewOnes) {
  server_.answer(response("200 OK", kManifest, "ETag: \"v1\"\r\n"));
  start(options());
  ASSERT_TRUE(last_.has_value());
  EXPECT_TRUE(last_->complete);
  EXPECT_EQ(last_->name, "url:" + server_.url());
  ASSERT_EQ(last_->files.size(), 1U);
  EXPECT_TRUE(last_->files[0]->sound());
  EXPECT_EQ(source_of(last_->files[0]->id), last_->name);
  EXPECT_EQ(server_.last_request().find("If-None-Match"), std::string::npos);

  server_.answer(response("304 Not Modified", ""));
  EXPECT_FALSE(again().has_value());
  EXPECT_NE(server_.last_request().find("If-None-Match: \"v1\"\r\n"), std::string::npos) << server_.last_request();
}

TEST_F(SourceUrl, EveryFailureIsAnIncompleteSnapshot) {
  server_.answer(response("200 OK", kManifest));
  start(options());
  for (const char* status : {"404 Not Found", "500 Oops", "204 No Content", "304 Not Modified"}) {
    server_.answer(response(status, ""));
    const auto snapshot = again();
    ASSERT_TRUE(snapshot.has_value()) << status;
    EXPECT_FALSE(snapshot->complete) << status;
    EXPECT_NE(snapshot->error.find(std::string(status).substr(0, 3)), std::string::npos) << snapshot->error;
  }
  server_.answer("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\napiVersion: v1\n");  // cut short
  EXPECT_FALSE(again()->complete);
}

TEST_F(SourceUrl, AnEmptyOrBrokenDocumentChangesNothing) {
  for (const char* body : {"", "kind: [", "<html>error</html>"}) {
    server_.answer(response("200 OK", body));
    start(options());
    ASSERT_EQ(last_->files.size(), 1U);
    EXPECT_FALSE(last_->files[0]->sound()) << body;
    EXPECT_FALSE(last_->files[0]->manifest.errors.empty()) << body;
  }
}

TEST_F(SourceUrl, ABodyOverTheLimitIsRefused) {
  std::string body(kManifest);
  body.append(1, '#').append(1000, 'x');
  server_.answer(response("200 OK", body));
  auto limited = options();
  limited.request.max_size = 500;
  start(limited);
  EXPECT_FALSE(last_->complete);
  EXPECT_NE(last_->error.find("limit of 500 bytes"), std::string::npos) << last_->error;
}

TEST_F(SourceUrl, ASilentServerIsGivenUpOn) {
  auto impatient = options();
  impatient.request.timeout = milliseconds{50};
  start(impatient);
  EXPECT_FALSE(last_->complete);
  EXPECT_FALSE(last_->error.empty());
}

TEST_F(SourceUrl, SendsTheTokenAsItIsNowAndFailsWithoutIt) {
  const auto file = std::filesystem::path(testing::TempDir()) / fmt::format("token-{}", ::getpid());
  ASSERT_TRUE(write_file(file, "secret-1\n", 0600).ok());
  auto with_token = options();
  with_token.request.token_file = file;
  server_.answer(response("200 OK", kManifest));
  start(with_token);
  EXPECT_NE(server_.last_request().find("Authorization: Bearer secret-1\r\n"), std::string::npos);
  ASSERT_TRUE(write_file(file, "secret-2", 0600).ok());
  EXPECT_TRUE(again()->complete);
  EXPECT_NE(server_.last_request().find("Authorization: Bearer secret-2\r\n"), std::string::npos);
  std::filesystem::remove(file);
  const auto snapshot = again();
  EXPECT_FALSE(snapshot->complete);
  EXPECT_EQ(snapshot->error.find("secret"), std::string::npos);
}

TEST_F(SourceUrl, DoesNotFollowToAFile) {
  server_.answer(response("302 Found", "", "Location: file:///etc/passwd\r\n"));
  start(options());
  EXPECT_FALSE(last_->complete);
}

}  // namespace
}  // namespace berth::agent
