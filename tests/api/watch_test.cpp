// tests/api/watch_test.cpp - watches over a real socket: order, selectors, tables, slow readers.
#include <gmock/gmock.h>

#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;
using testing::Not;

class Watches : public ApiFixture {
 protected:
  static constexpr std::string_view kPods = "/api/v1/namespaces/default/pods?watch=true";
};

TEST_F(Watches, EveryChangeAfterTheGivenRevisionArrivesInOrder) {
  put_running_pod("before");
  RawClient client(config_.socket);
  client.send(get_request(fmt::format("{}&resourceVersion={}", kPods, store_->revision())));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("200 OK"));
  put_running_pod("web-0");
  EXPECT_THAT(client.read_until("\"web-0\""), Not(HasSubstr("before")));
  EXPECT_THAT(client.read_until("\"ADDED\""), HasSubstr("ADDED"));
  put_running_pod("web-0", R"({"app":"other"})");
  client.read_until("\"MODIFIED\"");
  ASSERT_TRUE(store::remove_and_wait(*store_, {model::Kind::Pod, "default", "web-0"}, 0));
  client.read_until("\"DELETED\"");
}

TEST_F(Watches, WithoutARevisionWhatExistsIsAddedFirst) {
  put_running_pod("web-0");
  for (const auto* revision : {"", "&resourceVersion=0", "&resourceVersion="}) {
    RawClient client(config_.socket);
    client.send(get_request(fmt::format("{}{}", kPods, revision)));
    client.read_until("\"web-0\"");
    EXPECT_THAT(client.read_until("}\n"), HasSubstr(R"({"type":"ADDED")"));
  }
}

TEST_F(Watches, LeavingTheSelectionIsDeletedAndEnteringItIsAdded) {
  put_running_pod("web-0", R"({"app":"web"})");
  RawClient client(config_.socket);
  client.send(get_request(fmt::format("{}&labelSelector=app%3Dweb&resourceVersion={}", kPods, store_->revision())));
  client.read_until("\r\n\r\n");
  const auto left = put_running_pod("web-0", R"({"app":"db"})");
  client.read_until("}\n");
  EXPECT_THAT(client.read_until("\"DELETED\""),
              HasSubstr(fmt::format("\"resourceVersion\":\"{}\"", left->meta.resource_version)));
  EXPECT_THAT(client.read_until("\"DELETED\""), HasSubstr(R"("app":"web")"));
  client.forget();
  put_running_pod("db-0", R"({"app":"db"})");
  put_running_pod("web-0", R"({"app":"web"})");
  EXPECT_THAT(client.read_until("\"ADDED\""), Not(HasSubstr("db-0")));
}

TEST_F(Watches, TheColumnsOfATableComeWithTheFirstEventOnly) {
  RawClient client(config_.socket);
  client.send(
      get_request(std::string(kPods), "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n"));
  client.read_until("\r\n\r\n");
  put_running_pod("web-0");
  EXPECT_THAT(client.read_until("}\n"), HasSubstr("\"columnDefinitions\":[{"));
  client.forget();
  put_running_pod("web-1");
  EXPECT_THAT(client.read_until("}\n"), HasSubstr("\"columnDefinitions\":null"));
}

TEST_F(Watches, ARevisionTooOldGetsAnErrorEventAndTheEnd) {
  for (int i = 0; i < 5100; ++i) put_running_pod("web-0", i % 2 == 0 ? R"({"a":"b"})" : R"({"a":"c"})");
  RawClient client(config_.socket);
  client.send(get_request(fmt::format("{}&resourceVersion=1", kPods), "Connection: close\r\n"));
  const auto all = client.read_all();
  EXPECT_THAT(all, HasSubstr(R"({"type":"ERROR")"));
  EXPECT_THAT(all, HasSubstr("\"code\":410"));
  EXPECT_THAT(all, HasSubstr("too old resource version: 1 ("));
}

TEST_F(Watches, AReaderWhoIsTooSlowIsEndedAndTheOthersAreNot) {
  RawClient slow(config_.socket, /*receive_buffer=*/4096);
  RawClient quick(config_.socket);
  slow.send(get_request(std::string(kPods), "Connection: close\r\n"));
  quick.send(get_request(std::string(kPods)));
  slow.read_until("\r\n\r\n");
  quick.read_until("\r\n\r\n");
  for (int i = 0; i < 3000; ++i) {
    put_running_pod("web-0", fmt::format(R"({{"n":"{}"}})", i));
    if (i % 100 == 0) quick.forget(), quick.read_until(fmt::format(R"("n":"{}")", i));
  }
  quick.read_until(R"("n":"2999")");
  const auto all = slow.read_all();
  EXPECT_THAT(all, HasSubstr(R"({"type":"ERROR")"));
  EXPECT_THAT(all, HasSubstr("the reader is too slow"));
  EXPECT_THAT(all, Not(HasSubstr(R"("n":"2999")")));
}

TEST_F(Watches, TheTimeoutOfTheClientEndsTheStreamCleanly) {
  RawClient client(config_.socket);
  client.send(get_request(fmt::format("{}&timeoutSeconds=1", kPods)));
  EXPECT_THAT(client.read_until("0\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked"));
  client.forget();
  client.send(get_request("/livez"));  // the connection lives on
  client.read_until("ok");
}

TEST_F(Watches, StreamingListsAreRefusedSoThatClientsFallBack) {
  EXPECT_EQ(send("GET", fmt::format("{}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", kPods)).code, 422U);
  EXPECT_EQ(send("GET", fmt::format("{}&resourceVersion=abc", kPods)).code, 400U);
}

TEST_F(Watches, TheServerStopsWhileWatchersWait) {
  RawClient client(config_.socket);
  client.send(get_request(std::string(kPods)));
  client.read_until("\r\n\r\n");
  server_.reset();
  put_running_pod("web-0");  // nobody is told, nothing crashes
  client.read_all();
}

}  // namespace
}  // namespace berth::api
