// tests/api/page_test.cpp - the dashboard's files come from disk with a strict policy, and nothing else does.
#include <gmock/gmock.h>

#include "api/ui/page_files.hpp"
#include "base/atomic_file.hpp"
#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Page : public ApiFixture {
 protected:
  /// The whole answer, head and body.
  std::string get(std::string_view target, std::string_view headers = {}, std::string_view method = "GET") {
    RawClient client(config_.socket);
    client.send(fmt::format("{} {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n", method, target, headers));
    return client.read_all();
  }
};

std::string header(const std::string& answer, std::string_view name) {
  const auto at = answer.find(fmt::format("\r\n{}: ", name));
  if (at == std::string::npos) return "";
  const auto start = at + name.size() + 4;
  return answer.substr(start, answer.find("\r\n", start) - start);
}

TEST_F(Page, EveryFileOfTheFolderIsServedAndNothingElseIs) {
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(page_directory())) {
    const auto name = entry.path().filename().string();
    const auto answer = get("/ui/" + name);
    const auto content = read_file(entry.path());
    ASSERT_TRUE(content) << name;
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200"), EndsWith("\r\n\r\n" + *content))) << name;
    ++found;
  }
  EXPECT_GT(found, 5U);
  for (const auto* none : {"/ui/page_files.hpp", "/ui/page.js.bak", "/ui/page/page.js", "/ui/PAGE.JS",
                           "/ui/%2e%2e/berthd", "/ui/..%2fberthd", "/ui/../berthd", "/ui/page.js%00"}) {
    EXPECT_THAT(get(none), testing::AnyOf(StartsWith("HTTP/1.1 404"), StartsWith("HTTP/1.1 400"))) << none;
  }
}

TEST_F(Page, ThePolicyLetsNothingInFromElsewhere) {
  for (const auto* path : {"/ui", "/ui/", "/ui/page.js", "/ui/page.css", "/ui/icon.svg"}) {
    const auto answer = get(path);
    EXPECT_EQ(
        header(answer, "Content-Security-Policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri "
        "'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
        << path;
    EXPECT_EQ(header(answer, "X-Content-Type-Options"), "nosniff") << path;
    EXPECT_EQ(header(answer, "Referrer-Policy"), "no-referrer") << path;
  }
  EXPECT_EQ(header(get("/ui"), "Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(header(get("/ui/page.js"), "Content-Type"), "text/javascript; charset=utf-8");
}

TEST_F(Page, OnlyLookingIsServed) {
  EXPECT_THAT(get("/ui/", "Content-Length: 0\r\n", "POST"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(get("/ui/page.js", "", "DELETE"), StartsWith("HTTP/1.1 405"));
  const auto head = get("/ui/", "", "HEAD");
  EXPECT_THAT(head, AllOf(StartsWith("HTTP/1.1 200"), EndsWith("\r\n\r\n"), Not(HasSubstr("Content-Length: 0"))));
}

TEST_F(Page, WhatTheBrowserHasIsNotSentAgain) {
  const auto tag = header(get("/ui/page.js"), "ETag");
  ASSERT_FALSE(tag.empty());
  const auto again = get("/ui/page.js", "If-None-Match: " + tag + "\r\n");
  EXPECT_THAT(again, AllOf(StartsWith("HTTP/1.1 304"), EndsWith("\r\n\r\n")));
  EXPECT_EQ(header(again, "ETag"), tag);
  EXPECT_THAT(get("/ui/page.js", "If-None-Match: \"0\"\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(Page, TheAilmentsAreTheSentencesOfStatus) {
  EXPECT_EQ(send("GET", "/berth/v1/ailments").code, 404U) << "nobody to ask";
  server_.reset();
  config_.host_status = [] {
    model::HostStatus status;
    status.containerd.error = "connection refused";
    return status;
  };
  start();
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"default"},
      "spec":{"containers":[{"name":"c","image":"busybox"}]},"status":{"phase":"Pending","containerStatuses":[
      {"name":"c","state":{"waiting":{"reason":"ImagePullBackOff","message":"<b>not</b> found"}}}]}})");
  put(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"default","uid":"u1"},
      "spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}},"status":{"phase":"Pending"}})");
  const auto claim = store_->get({model::Kind::PersistentVolumeClaim, "default", "data"});
  put(fmt::format(
      R"({{"apiVersion":"v1","kind":"Event","metadata":{{"name":"e","namespace":"default"}},"type":"Warning",
      "reason":"ProvisioningFailed","message":"no room","involvedObject":{{"kind":"PersistentVolumeClaim",
      "namespace":"default","name":"data","uid":"{}"}}}})",
      claim->meta.uid));
  const auto answer = send("GET", "/berth/v1/ailments");
  ASSERT_EQ(answer.code, 200U);
  const auto text = json::serialize(answer.body);
  EXPECT_THAT(text, HasSubstr(R"("what":"containerd","subject":"","sentence":"connection refused")"));
  EXPECT_THAT(text, HasSubstr(R"("subject":"default/web-0","sentence":"c: ImagePullBackOff: <b>not</b> found")"));
  EXPECT_THAT(text, HasSubstr(R"("subject":"default/data","sentence":"Pending: ProvisioningFailed: no room")"));
  EXPECT_EQ(send("POST", "/berth/v1/ailments", "{}").code, 405U);
}

TEST_F(Page, WhatAPageOfAnotherSiteWritesIsRefused) {
  const auto answer = get("/api/v1/namespaces",
                          "Sec-Fetch-Site: cross-site\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n", "POST");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 403"), HasSubstr("a page of another site sent this request")));
}

}  // namespace
}  // namespace berth::api
