// tests/api/http_test.cpp - what the server does with peers that are wrong, greedy or many.
#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>

#include "base/atomic_file.hpp"
#include "store/backup.hpp"
#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Http : public ApiFixture {
 protected:
  /// A page that is no JSON: its body, behind its code when that is not 200.
  std::string page(const std::string& path) const {
    const cli::HttpClient client(config_.socket);
    const auto reply = client.send({.method = "GET", .target = path, .accept = "*/*", .content_type = {}, .body = {}});
    if (!reply) return reply.error().message();
    return reply->code == 200 ? reply->body : std::to_string(reply->code) + " " + reply->body;
  }
};

TEST_F(Http, MalformedRequestsGet400AndAreClosed) {
  for (const std::string_view text :
       {"nonsense\r\n\r\n", "GET  / HTTP/9.9\r\n\r\n", "GET /api HTTP/1.1\r\nBad Header\r\n\r\n",
        "POST /api HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) {
    RawClient client(config_.socket);
    client.send(text);
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 400")) << text;
  }
}

TEST_F(Http, OtherProtocolsAreTurnedAwayCleanly) {
  const std::string_view hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  for (const std::string_view text :
       {std::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), hello, std::string_view("\x00\x00\x00\x00\r\n\r\n", 8)}) {
    RawClient client(config_.socket);
    client.send(text);
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 400"));
  }
  EXPECT_EQ(send("GET", "/api").code, 200U);
}

TEST_F(Http, HeadIsGetWithoutABody) {
  RawClient client(config_.socket);
  for (const auto* target : {"/livez", "/api/v1/namespaces", "/api/v1/namespaces?watch=true", "/nope"}) {
    client.send(fmt::format("HEAD {} HTTP/1.1\r\nHost: x\r\n\r\n", target));
  }
  client.send(get_request("/livez"));
  client.read_until("\r\n\r\nok");  // the only body
  EXPECT_THAT(client.read_until("ok"), testing::Not(HasSubstr("NamespaceList")));
}

TEST_F(Http, ATargetWithSchemeAndHostIsItsPath) {
  RawClient client(config_.socket);
  client.send("GET HTTP://berth.example:80/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), testing::EndsWith("\r\n\r\nok"));
  RawClient star(config_.socket);
  star.send("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(star.read_all(), StartsWith("HTTP/1.1 400"));
}

TEST_F(Http, BodiesMayComeInChunksAndAfterAQuestion) {
  RawClient client(config_.socket);
  client.send(
      "POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  client.take_until("HTTP/1.1 100 Continue\r\n\r\n");
  client.send("10\r\n{\"metadata\":{\"na\r\n");
  client.send("c\r\nme\":\"two\"}} \r\n0\r\n\r\n");
  const auto answer = client.read_until("}");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 201"));
  EXPECT_THAT(answer, testing::ContainsRegex("Date: [A-Z][a-z][a-z], [0-9][0-9] [A-Z][a-z][a-z] 20.* GMT\r\n"));
  EXPECT_THAT(answer, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
}

/// A body that one server sees and another does not is how a request is hidden in another.
TEST_F(Http, WhatIsNotExactlyUnderstoodIsAnsweredOnceAndTheConnectionEnds) {
  const std::string hidden = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const std::string_view headers :
       {"Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "Content-Length: 4\r\nContent-Length: 4\r\n",
        "X: y\r\n Content-Length: 4\r\n", "X: y\nContent-Length: 4\r\n", "Content-Length : 4\r\n"}) {
    RawClient client(config_.socket);
    client.send("POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n" + hidden + hidden);
    const auto all = client.read_all();
    EXPECT_THAT(all, StartsWith("HTTP/1.1 400")) << headers;
    EXPECT_EQ(all.find("HTTP/1.1", 1), std::string::npos) << "a second answer: " << headers << all;
    EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(all, HasSubstr(R"("reason":"BadRequest")"));
  }
  for (const std::string_view hosts : {"", "Host: a\r\nHost: b\r\n"}) {
    RawClient client(config_.socket);
    client.send("GET /livez HTTP/1.1\r\n" + std::string(hosts) + "\r\n" + hidden);
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 400"));
  }
}

TEST_F(Http, AWrongOrEndlessChunkIsAnsweredWhileThePeerStillSends) {
  const std::string head =
      "POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  for (const auto& [body, code] : std::initializer_list<std::pair<std::string, const char*>>{
           {"2\r\n{}XX", "400"},                           // no end of the chunk, and nothing more comes
           {"2;" + std::string(1024 * 1024, 'x'), "400"},  // an extension without an end
           {"2\r\n{}\r\n0\r\nX: " + std::string(1024 * 1024, 'x'), "400"},
           {"400000\r\n" + std::string(4 * 1024 * 1024, ' '), "413"}}) {
    RawClient client(config_.socket);
    client.send(head + body);
    EXPECT_THAT(client.read_all(), StartsWith(std::string("HTTP/1.1 ") + code)) << body.substr(0, 20);
  }
  RawClient announced(config_.socket);
  announced.send("POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n" +
                 std::string(4'000'000, ' '));
  EXPECT_THAT(announced.read_all(), StartsWith("HTTP/1.1 413")) << "not lost behind what was not read";
}

TEST_F(Http, BodiesThatComeTogetherAreReadApart) {
  RawClient client(config_.socket);
  const auto post = [](std::string_view name, bool chunked) {
    const auto body = fmt::format(R"({{"metadata":{{"name":"{}"}}}})", name);
    const auto begin = "POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    if (!chunked) return fmt::format("{}Content-Length: {}\r\n\r\n{}", begin, body.size(), body);
    return fmt::format("{}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n", begin, body.size(), body);
  };
  client.send(post("a", false) + post("b", true) + post("c", true) + get_request("/livez", "Connection: close\r\n"));
  EXPECT_THAT(client.read_all(), testing::EndsWith("\r\n\r\nok"));
  for (const auto* name : {"a", "b", "c"}) {
    EXPECT_NE(store_->get({model::Kind::Namespace, "", name}), nullptr) << name;
  }
}

TEST_F(Http, HugeHeadersAndBodiesAreRefused) {
  RawClient headers(config_.socket);
  headers.send("GET /api HTTP/1.1\r\nHost: x\r\nX: " + std::string(200 * 1024, 'a'));
  EXPECT_THAT(headers.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 431"));
  RawClient body(config_.socket);
  body.send("POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
  EXPECT_THAT(body.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 413"));
}

TEST_F(Http, PathsAndMethodsThatDoNotFitAreNamed) {
  EXPECT_EQ(send("GET", "/nope").code, 404U);
  EXPECT_EQ(send("GET", "/nope").message(), "404 page not found\n");
  EXPECT_EQ(send("GET", "/api/v1/%zz").code, 400U);
  EXPECT_EQ(send("POST", "/api/v1/pods", "{}").code, 405U);
  EXPECT_EQ(send("PUT", "/api/v1/namespaces/default/pods", "{}").code, 405U);
  EXPECT_EQ(send("DELETE", "/api/v1/pods").code, 405U);
  EXPECT_EQ(send("OPTIONS", "/api/v1/pods").code, 405U);
  EXPECT_EQ(send("POST", "/version", "{}").code, 405U);
  EXPECT_EQ(send("POST", "/api/v1/namespaces/default/configmaps", "k8s", "application/cbor").code, 415U);
  EXPECT_EQ(send("POST", "/api/v1/namespaces/default/configmaps", "[1]").code, 400U);
  EXPECT_EQ(send("GET", "/api/v1/namespaces/default/pods/x/attach").code, 404U);
}

/// Clients look into details without asking whether they are there (kubectl debug, for a subresource that is unknown).
TEST_F(Http, AStatusHasDetailsWhereKubernetesSendsThem) {
  put_running_pod("web");
  const auto details = [this](std::string method, std::string target, std::string body = "{}",
                              std::string type = "application/json") {
    const auto answer = send(method, target, std::move(body), std::move(type));
    const auto* found = answer.body.is_object() ? answer.body.get_object().if_contains("details") : nullptr;
    return fmt::format("{} {}", answer.code, found == nullptr ? "none" : json::serialize(*found));
  };
  const std::string pods = "/api/v1/namespaces/default/pods";
  const std::string nothing = "404 {}";
  EXPECT_EQ(details("PATCH", pods + "/web/ephemeralcontainers", "{}", "application/strategic-merge-patch+json"),
            nothing);
  EXPECT_EQ(details("GET", pods + "/web/attach/x", ""), nothing);
  EXPECT_EQ(details("GET", "/api/v1/widgets", ""), nothing);
  EXPECT_EQ(details("GET", "/apis/apps/v1/widgets", ""), nothing);
  EXPECT_EQ(details("GET", "/apis/apps/v9/widgets", ""), "404 none") << "no version of ours";
  EXPECT_EQ(details("PUT", pods), "405 {}");
  EXPECT_EQ(details("GET", pods + "/gone", ""), R"(404 {"name":"gone","kind":"pods"})");
  EXPECT_EQ(details("GET", "/apis/apps/v1/namespaces/default/statefulsets/gone", ""),
            R"(404 {"name":"gone","group":"apps","kind":"statefulsets"})");
  EXPECT_EQ(details("DELETE", "/api/v1/namespaces/default", ""), R"(403 {"name":"default","kind":"namespaces"})");
  EXPECT_EQ(details("POST", pods, "nonsense"), "400 none");
  put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"going","deletionTimestamp":"2026-11-21T10:00:00Z",
          "finalizers":["a/b"]}})");
  EXPECT_EQ(details("POST", "/api/v1/namespaces/going/configmaps", R"({"metadata":{"name":"c"}})"),
            R"(403 {"name":"c","kind":"configmaps","causes":[{"reason":"NamespaceTerminating",)"
            R"("message":"namespace going is being terminated","field":"metadata.namespace"}]})");
}

TEST_F(Http, AVersionIsWhatClientsExpect) {
  const auto version = send("GET", "/version");
  for (const auto* name : {"major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion",
                           "compiler", "platform"}) {
    EXPECT_NE(version.text({name}), "") << name;
  }
  EXPECT_TRUE(parse_rfc3339(version.text({"buildDate"}))) << version.text({"buildDate"});
  EXPECT_THAT(version.text({"gitCommit"}), testing::MatchesRegex("[0-9a-f]{40,64}|unknown"));
}

TEST_F(Http, AnAnswerThatCannotBeATableIsNotAcceptable) {
  const auto ask = [this](std::string accept) {
    return send("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                R"({"spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}})", "application/json",
                std::move(accept))
        .code;
  };
  EXPECT_EQ(ask("application/json;as=Table;v=v1;g=meta.k8s.io"), 406U);
  EXPECT_EQ(ask("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"), 201U);
  EXPECT_EQ(ask("application/json, */*"), 201U);
  EXPECT_EQ(ask(""), 201U);
}

TEST_F(Http, ManyRequestsShareOneConnection) {
  RawClient client(config_.socket);
  client.send(get_request("/livez") + get_request("/api/v1/pods") + get_request("/readyz"));
  const auto all = client.read_until("ok");
  EXPECT_THAT(client.read_until("PodList"), HasSubstr("200 OK"));
  client.take_until("0\r\n\r\n");
  EXPECT_THAT(client.read_until("ok"), StartsWith("HTTP/1.1 200"));
}

TEST_F(Http, HealthIsWhatTheAgentSays) {
  health_ = Error(ErrorCode::Unavailable, "containerd is away");
  RawClient client(config_.socket);
  client.send(get_request("/healthz", "Connection: close\r\n"));
  const auto all = client.read_all();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(all, HasSubstr("containerd is away"));
}

TEST_F(Http, HealthIsToldCheckByCheckInTheApiServersWords) {
  EXPECT_EQ(page("/readyz"), "ok");
  EXPECT_EQ(page("/readyz?verbose"), "[+]ping ok\n[+]containerd ok\nreadyz check passed\n");
  EXPECT_EQ(page("/readyz/containerd"), "ok");
  EXPECT_EQ(page("/readyz/etcd"), "404 404 page not found\n");
  health_ = Error(ErrorCode::Unavailable, "containerd is away");
  EXPECT_EQ(page("/readyz"), "500 [+]ping ok\n[-]containerd failed: containerd is away\nreadyz check failed\n");
  EXPECT_EQ(page("/readyz?exclude=containerd"), "ok");
  EXPECT_EQ(page("/healthz?verbose=1&exclude=containerd&exclude=etcd"),
            "[+]ping ok\n[+]containerd excluded: ok\n"
            "warn: some health checks cannot be excluded: no matches for \"etcd\"\nhealthz check passed\n");
  EXPECT_EQ(page("/readyz/containerd"), "500 internal server error: containerd is away\n");
  EXPECT_EQ(page("/readyz/ping"), "ok");
  EXPECT_EQ(page("/livez?verbose"), "[+]ping ok\nlivez check passed\n")
      << "that containerd is away is no reason to start us anew";
  EXPECT_EQ(send("POST", "/readyz", "{}").code, 405U);
}

TEST_F(Http, ACopyOfTheStoreIsStreamed) {
  EXPECT_EQ(send("GET", "/berth/v1/backup").code, 404U) << "nobody makes one";
  server_.reset();
  const auto file = directory_ / "copy";
  std::string content = "begin";
  for (int i = 0; content.size() < 300'000; ++i) content += std::to_string(i);
  std::ofstream(file) << content;
  config_.back_up = [&file]() -> Result<UniqueFd> { return UniqueFd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)}; };
  start();
  EXPECT_EQ(page("/berth/v1/backup"), content);
  EXPECT_EQ(send("POST", "/berth/v1/backup", "{}").code, 405U);
  server_.reset();
  config_.back_up = []() -> Result<UniqueFd> { return Error(ErrorCode::ResourceExhausted, "the disk is full"); };
  start();
  const auto refused = send("GET", "/berth/v1/backup");
  EXPECT_EQ(refused.code, 507U);
  EXPECT_EQ(refused.text({"message"}), "the disk is full");
}

TEST_F(Http, TheHostsStatusIsWhatTheAgentSays) {
  EXPECT_EQ(send("GET", "/berth/v1/status").code, 404U) << "nobody to ask";
  server_.reset();
  config_.host_status = [] { return model::HostStatus{.version = "1.2.3", .node = "n1"}; };
  start();
  const auto answer = send("GET", "/berth/v1/status");
  EXPECT_EQ(answer.code, 200U);
  EXPECT_EQ(answer.text({"kind"}), "HostStatus");
  EXPECT_EQ(answer.text({"version"}), "1.2.3");
  EXPECT_EQ(send("POST", "/berth/v1/status", "{}").code, 405U);
  EXPECT_EQ(send("GET", "/berth/v2/status").code, 404U);
}

TEST_F(Http, APlanIsTriedOnACopyAndNothingIsStored) {
  EXPECT_EQ(send("POST", "/berth/v1/plan", "{}").code, 404U) << "nobody plays";
  server_.reset();
  std::set<model::ObjectKey> played;
  config_.rehearsal.copy = [this] { return store::copy_in_memory(*store_, {}); };
  config_.rehearsal.play = [&](store::Store& copy, const std::set<model::ObjectKey>& objects) {
    played = objects;
    const model::ObjectKey web{model::Kind::ConfigMap, "default", "web"};
    const auto tried = copy.get(web);
    return std::vector<model::PlannedStep>{
        {web, tried ? "hold " + std::string(find_string(tried->raw.at("data"), {"a"})) : "nothing is there"}};
  };
  start();
  const auto apply = [](const std::string& name, const std::string& kind, const std::string& more) {
    return R"({"path":"/api/v1/namespaces/default/configmaps/)" + name +
           R"(?fieldManager=berth","object":{"apiVersion":"v1",
        "kind":")" +
           kind + R"(","metadata":{"name":")" + name + R"("},)" + more + "}}";
  };
  const auto revision = store_->revision();
  const auto web = apply("web", "ConfigMap", R"("data":{"a":"1"})");
  const auto answer = send("POST", "/berth/v1/plan",
                           R"({"applies":[)" + web + "," + web + "," + apply("other", "Secret", R"("data":{})") + "]}");
  EXPECT_EQ(answer.code, 200U) << json::serialize(answer.body);
  const auto& body = answer.body;
  const auto& objects = body.at("objects").as_array();
  ASSERT_EQ(objects.size(), 3U);
  EXPECT_EQ(find_string(objects[0], {"result"}), "create");
  EXPECT_EQ(find_string(objects[1], {"result"}), "unchanged");
  EXPECT_EQ(find_string(objects[2], {"result"}), "refuse");
  EXPECT_NE(find_string(objects[2], {"message"}), "");
  EXPECT_EQ(find_string(body.at("steps").at(0), {"step"}), "hold 1");
  EXPECT_EQ(played.size(), 1U);
  EXPECT_EQ(store_->revision(), revision) << "nothing is stored";
  EXPECT_EQ(send("GET", "/berth/v1/plan").code, 405U);
  EXPECT_EQ(send("POST", "/berth/v1/plan", R"({"applies":[{"path":"/version"}]})").code, 400U);
  EXPECT_EQ(send("POST", "/berth/v1/plan", "[]").code, 400U);
}

TEST_F(Http, AnOldClientGetsItsListWithoutChunks) {
  RawClient client(config_.socket);
  client.send("GET /api/v1/namespaces HTTP/1.0\r\n\r\n");
  const auto all = client.read_all();
  EXPECT_THAT(all, HasSubstr("NamespaceList"));
  EXPECT_THAT(all, testing::Not(HasSubstr("chunked")));
}

TEST_F(Http, AboveTheLimitPeersAreTurnedAwayAndPlacesComeBack) {
  server_.reset();
  config_.max_connections = 2;
  start();
  auto first = std::make_unique<RawClient>(config_.socket);
  RawClient second(config_.socket);
  first->send(get_request("/livez"));
  first->read_until("ok");
  second.send(get_request("/livez"));
  second.read_until("ok");
  RawClient third(config_.socket);
  EXPECT_THAT(third.read_all(), HasSubstr("too many connections"));
  first.reset();
  for (int i = 0; i < 1000; ++i) {  // the server notices in its own time
    RawClient again(config_.socket);
    again.send(get_request("/livez", "Connection: close\r\n"));
    if (again.read_all().find("200 OK") != std::string::npos) return;
  }
  FAIL() << "the place of a closed connection never came back";
}

TEST_F(Http, TheSocketIsForItsGroupOnlyAndHasOneOwner) {
  struct stat info {};
  ASSERT_EQ(::stat(config_.socket.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0660U);
  const auto second = start_api_server(config_, *store_, runtime_, logs_, nullptr);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(send("GET", "/api").code, 200U);  // the first one was not hurt
}

TEST_F(Http, ADeadSocketIsReplacedAndAnythingElseIsNot) {
  server_.reset();
  {
    UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, config_.socket.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  start();
  EXPECT_EQ(send("GET", "/api").code, 200U);
  server_.reset();
  ASSERT_TRUE(write_file(config_.socket, "precious"));
  const auto refused = start_api_server(config_, *store_, runtime_, logs_, nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::AlreadyExists);
  EXPECT_EQ(*read_file(config_.socket), "precious");
}

}  // namespace
}  // namespace berth::api
