// tests/api/limits_test.cpp - deadlines, places and identities of connections, on real sockets with a handler of our
// own.
#include <sys/socket.h>

#include <future>

#include <gmock/gmock.h>

#include "api/http/admission.hpp"
#include "api/http/http_server.hpp"
#include "api/http/socket_file.hpp"
#include "tests/api/api_fixture.hpp"
#include "tests/temp_dir.hpp"

namespace berth::api {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Goes on for ever; tells when it is destroyed.
class EndlessBody final : public BodySource {
 public:
  explicit EndlessBody(std::promise<void>& gone) : gone_(gone) {}
  ~EndlessBody() override { gone_.set_value(); }
  State read(std::string& out) override {
    out.append(32 * 1024, 'x');
    return State::More;
  }

 private:
  std::promise<void>& gone_;
};

/// Says "late\n" once, some time after it was asked first.
class LateBody final : public BodySource {
 public:
  LateBody(Reactor& reactor, milliseconds delay) : reactor_(reactor), delay_(delay) {}
  void on_wake(std::function<void()> wake) override {
    timer_ = reactor_.after(delay_, [this, wake = std::move(wake)] {
      due_ = true;
      wake();
    });
  }
  State read(std::string& out) override {
    if (std::exchange(due_, false)) out += "late\n";
    return State::Later;
  }

 private:
  Reactor& reactor_;
  milliseconds delay_;
  std::unique_ptr<ReactorHandle> timer_;
  bool due_ = false;
};

class Limits : public testing::Test {
 protected:
  void TearDown() override {
    reactor_.stop();
    server_.reset();
  }

  void start() {
    auto listener = listen_on(socket_path());
    ASSERT_TRUE(listener) << listener.error().message();
    server_ =
        serve_http(reactor_, *std::move(listener), limits_, guards_,
                   [this](HttpRequest request, Respond respond) { answer(std::move(request), std::move(respond)); });
    reactor_.start();
  }

  /// "/endless" and "/late" stream; everything else says who asked for what.
  void answer(HttpRequest request, const Respond& respond) {
    HttpResponse response;
    if (request.target == "/endless") {
      response.stream = std::make_unique<EndlessBody>(endless_gone_);
    } else if (request.target == "/late") {
      response.stream = std::make_unique<LateBody>(reactor_, milliseconds(300));
    } else {
      response.content_type = "text/plain";
      response.body = fmt::format("{} {} by {} with {} bytes\n", static_cast<int>(request.method), request.target,
                                  request.user.name, request.body.size());
    }
    respond(std::move(response));
  }

  std::filesystem::path socket_path() const { return directory_ / "s"; }

  /// A connection that comes by adopt(), as one over TLS does.
  std::unique_ptr<RawClient> adopted(std::optional<User> user) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    auto theirs = std::make_shared<UniqueFd>(ends[1]);
    reactor_.post()([this, theirs, user = std::move(user)] { server_->adopt(std::move(*theirs), user); });
    return std::make_unique<RawClient>(UniqueFd(ends[0]));
  }

  static std::string get(std::string_view target, std::string_view extra = {}) {
    return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", target, extra);
  }

  TempDir temp_;
  const std::filesystem::path directory_ = temp_.path();
  HttpLimits limits_;
  HttpGuards guards_;
  std::promise<void> endless_gone_;
  Reactor reactor_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(Limits, HeadersThatComeTooSlowlyAreNotWaitedFor) {
  limits_.header = milliseconds(50);
  start();
  RawClient client(socket_path());
  client.send("GET /a HTTP/1.1\r\nHost");
  EXPECT_EQ(client.read_all(), "");
}

TEST_F(Limits, ABodyThatComesTooSlowlyIsNotWaitedFor) {
  limits_.body = milliseconds(50);
  start();
  RawClient client(socket_path());
  client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(client.read_all(), "");
}

TEST_F(Limits, AConnectionThatRestsTooLongIsClosed) {
  limits_.idle = milliseconds(50);
  start();
  RawClient client(socket_path());
  client.send(get("/a"));
  EXPECT_THAT(client.read_all(), HasSubstr("0 /a by"));  // the answer, then the end
  RawClient silent(socket_path());
  EXPECT_EQ(silent.read_all(), "");
}

TEST_F(Limits, AReaderThatTakesNothingIsClosedAndItsSourceFreed) {
  limits_.stalled = milliseconds(100);
  start();
  RawClient client(socket_path(), 4096);
  client.send(get("/endless"));
  EXPECT_EQ(endless_gone_.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(Limits, AWatchThatHasNothingToSayLives) {
  limits_.stalled = milliseconds(30);
  limits_.idle = milliseconds(30);
  limits_.header = milliseconds(30);
  limits_.body = milliseconds(30);
  start();
  RawClient client(socket_path());
  client.send(get("/late"));
  client.read_until("late\n");
}

TEST_F(Limits, StrangersHaveToSaySoonWhoTheyAre) {
  limits_.stranger = milliseconds(50);
  start();
  EXPECT_EQ(adopted(std::nullopt)->read_all(), "");
  const auto slow = adopted(std::nullopt);
  slow->send("GET /a HTTP/1.1\r\nHost: x\r\n");
  EXPECT_EQ(slow->read_all(), "");
}

TEST_F(Limits, StrangersAreFewAndFriendsAreNotCountedAmongThem) {
  limits_.strangers = 1;
  guards_.authenticate = [](std::string_view token) {
    return token == "good" ? std::optional(make_user("jane", {})) : std::nullopt;
  };
  start();
  const auto first = adopted(std::nullopt);
  first->send("GET /a HTTP/1.1\r\nHost: x\r\n");
  const auto second = adopted(std::nullopt);
  EXPECT_THAT(second->read_all(), HasSubstr("too many connections"));
  const auto known = adopted(make_user("joe", {}));
  known->send(get("/b"));
  known->read_until("0 /b by joe");
  first->send("Authorization: Bearer good\r\n\r\n");
  first->read_until("0 /a by jane");
  const auto third = adopted(std::nullopt);
  third->send(get("/c", "Authorization: bearer  good\r\n"));
  third->read_until("0 /c by jane");
}

TEST_F(Limits, AdoptedConnectionsAreASmallerPartOfAll) {
  limits_.connections = 3;
  limits_.adopted = 1;
  start();
  const auto first = adopted(make_user("joe", {}));
  first->send(get("/a"));
  first->read_until("by joe");
  EXPECT_THAT(adopted(make_user("joe", {}))->read_all(), HasSubstr("503"));
  RawClient local(socket_path());
  local.send(get("/b"));
  local.read_until("0 /b by");
}

TEST_F(Limits, WithoutAGoodTokenNoBodyIsReadAndTheConnectionEnds) {
  guards_.authenticate = [](std::string_view) { return std::nullopt; };
  start();
  for (const std::string_view credentials :
       {"", "Authorization: Bearer bad\r\n", "Authorization: Basic Zzo=\r\n", "Authorization: Bearer\r\n"}) {
    const auto client = adopted(std::nullopt);
    client->send(
        fmt::format("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n{}\r\n", credentials));
    const auto all = client->read_all();
    EXPECT_THAT(all, StartsWith("HTTP/1.1 401"));
    EXPECT_THAT(all, HasSubstr(R"("message":"Unauthorized","reason":"Unauthorized","code":401)"));
  }
}

TEST_F(Limits, WhetherWeAreWellIsToldToWhomWeDoNotKnowOnceAConnection) {
  guards_.authenticate = [](std::string_view) { return std::nullopt; };
  start();
  const auto client = adopted(std::nullopt);
  client->send(get("/readyz?verbose") + get("/readyz"));
  const auto all = client->read_all();
  EXPECT_THAT(all, HasSubstr("/readyz?verbose by system:anonymous"));
  EXPECT_THAT(all, HasSubstr("Connection: close"));
  EXPECT_THAT(all, Not(HasSubstr("/readyz by"))) << "known or not: not a second time";
  for (const std::string_view request :
       {"GET /readyz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bad\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "POST /readyz HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    const auto other = adopted(std::nullopt);
    other->send(request);
    EXPECT_THAT(other->read_all(), StartsWith("HTTP/1.1 401")) << request;
  }
}

TEST_F(Limits, ATokenDoesNotMatterToPeersKnownByOtherMeans) {
  guards_.authenticate = [](std::string_view) { return make_user("mallory", {"system:masters"}); };
  start();
  const auto client = adopted(make_user("joe", {"view"}));
  client->send(get("/a", "Authorization: Bearer x\r\nX-Remote-User: root\r\nX-Forwarded-For: 127.0.0.1\r\n"));
  client->read_until("0 /a by joe");
}

TEST_F(Limits, NobodyActsAsSomebodyElse) {
  start();
  const auto client = adopted(make_user("root", {"system:masters"}));
  client->send(get("/a", "Impersonate-User: jane\r\n"));
  const auto all = client->read_until("403}");
  EXPECT_THAT(all, HasSubstr(R"(users \"jane\" is forbidden: User \"root\" cannot impersonate resource \"users\")"));
  RawClient by_group(socket_path());
  by_group.send(get("/a", "impersonate-group: view\r\n"));
  EXPECT_THAT(by_group.read_until("403}"), StartsWith("HTTP/1.1 403"));
}

TEST_F(Limits, WithoutAPlaceARequestIsToldToComeBackAndItsBodyIsNotRead) {
  std::weak_ptr<void> place;
  guards_.admit = [&](const HttpRequest& request, std::size_t body_bytes) -> ApiResult<std::shared_ptr<void>> {
    if (request.target == "/full") return too_many_requests();
    auto held = std::make_shared<std::size_t>(body_bytes);
    place = held;
    return std::shared_ptr<void>(held);
  };
  start();
  RawClient refused(socket_path());
  refused.send("POST /full HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
  const auto all = refused.read_all();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 429"));
  EXPECT_THAT(all, HasSubstr("Retry-After: 1\r\n"));
  RawClient again(socket_path());
  again.send(get("/full") + get("/a"));
  EXPECT_THAT(again.read_until("0 /a by"), StartsWith("HTTP/1.1 429"));  // without a body the connection goes on
  again.send(get("/endless"));
  again.read_until("xxxx");
  EXPECT_FALSE(place.expired()) << "a place is held as long as the answer is sent";
  again.close();
  EXPECT_EQ(endless_gone_.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

}  // namespace
}  // namespace berth::api
