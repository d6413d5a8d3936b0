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

TEST_F(Watches, AStreamingListSendsWhatThereIsAndThenABookmarkThatSaysSo) {
  put_running_pod("web-0");
  const auto newest = store_->revision();
  RawClient client(config_.socket);
  client.send(get_request(fmt::format(
      "{}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion={}", kPods,
      newest)));
  client.take_until("\"ADDED\"");
  const auto mark = client.read_until(R"("annotations":{"k8s.io/initial-events-end":"true"}}}})");
  EXPECT_THAT(
      mark, HasSubstr(fmt::format(
                R"({{"type":"BOOKMARK","object":{{"kind":"Pod","apiVersion":"v1","metadata":{{"resourceVersion":"{}")",
                newest)));
  client.forget();
  put_running_pod("web-1");
  client.read_until("\"web-1\"");
  EXPECT_EQ(send("GET", fmt::format("{}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion={}",
                                    kPods, newest + 1000))
                .code,
            504U);
}

TEST_F(Watches, SendInitialEventsFalseBeginsWithTheNextChange) {
  put_running_pod("before");
  RawClient client(config_.socket);
  client.send(get_request(
      fmt::format("{}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", kPods)));
  client.read_until("\r\n\r\n");
  put_running_pod("after");
  EXPECT_THAT(client.read_until("\"after\""), testing::AllOf(Not(HasSubstr("before")), Not(HasSubstr("BOOKMARK"))));
}

TEST_F(Watches, TheEndComesWithABookmarkAtTheNewestRevisionIfAsked) {
  RawClient client(config_.socket);
  client.send(get_request(fmt::format("{}&timeoutSeconds=1&allowWatchBookmarks=true", kPods)));
  client.read_until("\r\n\r\n");
  // Of another kind: this watch sees nothing of it, and may still say that it is up to date.
  put(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"default"}})");
  const auto all = client.read_until("0\r\n\r\n");
  EXPECT_THAT(all, HasSubstr(fmt::format(R"("metadata":{{"resourceVersion":"{}","creationTimestamp":null}})",
                                         store_->revision())));
}

TEST_F(Watches, ARevisionOfTheFutureIsAnErrorThatMakesClientsListAgain) {
  RawClient client(config_.socket);
  client.send(
      get_request(fmt::format("{}&resourceVersion={}", kPods, store_->revision() + 1000), "Connection: close\r\n"));
  EXPECT_THAT(client.read_all(), testing::AllOf(HasSubstr(R"({"type":"ERROR")"), HasSubstr("\"code\":504"),
                                                HasSubstr("Too large resource version")));
  EXPECT_EQ(send("GET", fmt::format("{}&resourceVersion=abc", kPods)).code, 400U);
}

TEST_F(Watches, ManyWatchersOfManyNamespacesSeeTheirChangesOnceAndInOrder) {
  put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"other"}})");
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto from = store_->revision();
  for (int i = 0; i < 20; ++i) {
    // Some of all namespaces, some of one, some of one that nothing happens in, some of one label.
    const std::string target = i % 4 == 0   ? "/api/v1/pods?watch=true"
                               : i % 4 == 1 ? std::string(kPods)
                               : i % 4 == 2 ? "/api/v1/namespaces/other/pods?watch=true"
                                            : std::string(kPods) + "&labelSelector=n%3D7";
    clients.push_back(std::make_unique<RawClient>(config_.socket));
    clients.back()->send(get_request(fmt::format("{}&resourceVersion={}", target, from)));
    clients.back()->read_until("\r\n\r\n");
  }
  for (int i = 0; i < 100; ++i) put_running_pod("web-0", fmt::format(R"({{"n":"{}"}})", i));
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"last","namespace":"other"},"spec":{"containers":[]}})");
  for (int i = 0; i < 20; ++i) {
    auto& client = *clients[static_cast<std::size_t>(i)];
    std::size_t at = 0;
    if (i % 4 <= 1) {
      const auto all = client.read_until(i % 4 == 0 ? "\"last\"" : R"("n":"99")");
      for (int n = 0; n < 100; ++n) {
        const auto found = all.find(fmt::format(R"("labels":{{"n":"{}"}})", n), at);
        ASSERT_NE(found, std::string::npos) << "watcher " << i << " change " << n;
        at = found + 1;
      }
    } else if (i % 4 == 2) {
      EXPECT_THAT(client.read_until("\"last\""), Not(HasSubstr("web-0")));
    } else {
      const auto all = client.read_until("\"DELETED\"");
      EXPECT_THAT(all, testing::AllOf(HasSubstr(R"("n":"7")"), Not(HasSubstr(R"("n":"6")"))));
    }
  }
}

TEST_F(Watches, TheOldPathWatchesAKindOrOneName) {
  put_running_pod("web-0");
  put_running_pod("web-1");
  RawClient all(config_.socket);
  all.send(get_request("/api/v1/watch/pods"));
  all.read_until("\"web-1\"");
  RawClient one(config_.socket);
  one.send(get_request("/api/v1/watch/namespaces/default/pods/web-1"));
  EXPECT_THAT(one.read_until("\"web-1\""), Not(HasSubstr("web-0")));
  EXPECT_EQ(send("DELETE", "/api/v1/watch/namespaces/default/pods/web-1").code, 405U);
  RawClient nothing(config_.socket);
  nothing.send(get_request("/api/v1/watch/namespaces/default/pods/web-1/log"));
  nothing.read_until("the server could not find the requested resource");
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
