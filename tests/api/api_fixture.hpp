// tests/api/api_fixture.hpp - the real server on a real unix socket, with a memory store and fakes behind it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "api/api_server.hpp"
#include "base/unique_fd.hpp"
#include "cli/http_client.hpp"
#include "tests/api/exec_runtime.hpp"
#include "tests/fakes/fake_log_reader.hpp"

namespace berth::api {

/// A blocking connection that sends bytes as they are. Every read fails the test after 20 s.
class RawClient {
 public:
  explicit RawClient(const std::filesystem::path& socket, int receive_buffer = 0)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket.c_str(), sizeof(address.sun_path) - 1);
    const timeval deadline{20, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
    if (receive_buffer > 0) ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }

  /// Of a socket that is connected already.
  explicit RawClient(UniqueFd connected) : fd_(std::move(connected)) {
    const timeval deadline{20, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
  }

  void send(std::string_view data) {
    while (!data.empty()) {
      const auto put = ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL);
      if (put <= 0) return;  // the server closed: the test sees it when reading
      data.remove_prefix(static_cast<std::size_t>(put));
    }
  }

  /// Reads until `wanted` was seen; what came so far is returned and kept. Fails at the end of the stream.
  std::string read_until(std::string_view wanted) {
    while (seen_.find(wanted) == std::string::npos) {
      if (!read_more()) {
        ADD_FAILURE() << "\"" << wanted << "\" did not come; got: " << seen_.substr(0, 4000);
        break;
      }
    }
    return seen_;
  }

  /// Everything until the server closes.
  std::string read_all() {
    while (read_more()) {
    }
    return seen_;
  }

  /// Exactly `count` more bytes, taken out.
  std::string read_bytes(std::size_t count) {
    while (seen_.size() < count && read_more()) {
    }
    auto out = seen_.substr(0, count);
    seen_.erase(0, count);
    return out;
  }

  void forget() { seen_.clear(); }
  void take_until(std::string_view wanted) {
    read_until(wanted);
    seen_.erase(0, std::min(seen_.find(wanted) + wanted.size(), seen_.size()));
  }
  void close() { fd_.reset(); }
  int fd() const { return fd_.get(); }

 private:
  bool read_more() {
    char buffer[16 * 1024];
    const auto got = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
    if (got < 0) ADD_FAILURE() << "no answer: " << std::strerror(errno);
    if (got <= 0) return false;
    seen_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  UniqueFd fd_;
  std::string seen_;
};

class ApiFixture : public testing::Test {
 protected:
  struct Answer {
    unsigned code = 0;
    json::value body;
    std::vector<std::string> warnings;
    std::string message() const {
      return body.is_string() ? std::string(body.get_string()) : std::string(find_string(body, {"message"}));
    }
    std::string text(std::initializer_list<std::string_view> path) const {
      return std::string(find_string(body, path));
    }
  };

  void SetUp() override {
    auto pattern = (std::filesystem::temp_directory_path() / "berth-api-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    config_.socket = directory_ / "api.sock";
    config_.node_name = "n1";
    put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
    start();
  }

  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  void start() {
    auto server = start_api_server(config_, *store_, runtime_, logs_, [this] {
      return std::vector{std::pair<std::string, Status>("containerd", health_)};
    });
    ASSERT_TRUE(server) << server.error().message();
    server_ = *std::move(server);
  }

  /// Straight into the store, as a source or the agent would.
  model::ObjectPtr put(std::string_view text) {
    auto raw = parse_json(text);
    EXPECT_TRUE(raw) << text;
    auto object = model::make_object(raw->get_object());
    EXPECT_TRUE(object) << (object ? "" : object.error().message());
    const auto old = store_->get(object->key());
    auto done = old ? store::update_and_wait(*store_, *std::move(object), 0)
                    : store::create_and_wait(*store_, *std::move(object));
    EXPECT_TRUE(done) << (done ? "" : done.error().message());
    return done ? *done : nullptr;
  }

  /// A Running pod of one container "c", in default, bound to n1.
  model::ObjectPtr put_running_pod(const std::string& name, std::string_view labels = R"({"app":"web"})",
                                   int restarts = 0) {
    return put(fmt::format(
        R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default","labels":{}}},
        "spec":{{"nodeName":"n1","terminationGracePeriodSeconds":7,"containers":[{{"name":"c","image":"busybox"}}]}},
        "status":{{"phase":"Running","containerStatuses":[{{"name":"c","ready":true,"restartCount":{},
        "containerID":"containerd://{}-c","state":{{"running":{{"startedAt":"2026-11-21T10:00:00Z"}}}}}}]}}}})",
        name, labels, restarts, name));
  }

  Answer send(std::string method, std::string target, std::string body = {},
              std::string content_type = "application/json", std::string accept = "application/json") {
    const cli::HttpClient client(config_.socket);
    auto reply = client.send({.method = std::move(method),
                              .target = std::move(target),
                              .accept = std::move(accept),
                              .content_type = std::move(content_type),
                              .body = std::move(body)});
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().message());
    if (!reply) return {};
    auto parsed = parse_json(reply->body);
    // A path that nobody serves is answered in plain text, as Kubernetes does.
    const bool plain = !parsed && reply->code == 404;
    EXPECT_TRUE(parsed || plain) << reply->body.substr(0, 500);
    return {reply->code, parsed ? *std::move(parsed) : json::value(plain ? reply->body : ""), reply->warnings};
  }

  static std::string get_request(std::string_view target, std::string_view extra = {}) {
    return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", target, extra);
  }

  std::filesystem::path directory_;
  ApiConfig config_;
  Status health_ = Ok{};
  std::unique_ptr<store::Store> store_ = store::make_memory_store({.object_bytes = 1536 * 1024, .history = 5000});
  runtime::ExecRuntime runtime_;
  runtime::FakeLogReader logs_;
  std::unique_ptr<ApiServer> server_;
};

}  // namespace berth::api
