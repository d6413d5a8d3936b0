// tests/store/etcd_endpoints_test.cpp - what is taken of an etcd's members.
#include "store/etcd/endpoints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::store::etcd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> taken(const std::vector<std::string>& configured, std::vector<std::string> urls) {
  return member_endpoints(configured, {{.client_urls = std::move(urls)}});
}

TEST(EtcdEndpoints, WhatTheMembersSayComesToWhatIsConfigured) {
  const std::vector<std::string> configured = {"https://10.0.0.1:2379"};
  EXPECT_THAT(member_endpoints(configured, {{{"https://10.0.0.1:2379"}},
                                            {{"https://10.0.0.2:2379", "https://[fd00::2]:2379"}},
                                            {{"https://10.0.0.3"}},
                                            {{"https://10.0.0.2:2379"}}}),
              ElementsAre("https://10.0.0.2:2379", "https://[fd00::2]:2379", "https://10.0.0.3:2379"));
  EXPECT_THAT(member_endpoints(configured, {}), IsEmpty());
}

TEST(EtcdEndpoints, WhoHasNotBegunOrOnlyLearnsIsNotAsked) {
  EXPECT_THAT(member_endpoints({"https://10.0.0.1:2379"}, {{}, {{"https://10.0.0.2:2379"}, /*is_learner=*/true}}),
              IsEmpty());
}

TEST(EtcdEndpoints, TlsStaysTlsAndNothingElseBecomesIt) {
  EXPECT_THAT(taken({"https://10.0.0.1:2379"}, {"http://10.0.0.2:2379", "10.0.0.3:2379"}), IsEmpty());
  EXPECT_THAT(taken({"http://10.0.0.9:2379", "https://10.0.0.1:2379"}, {"http://10.0.0.2:2379"}), IsEmpty());
  EXPECT_THAT(taken({"10.0.0.1:2379"}, {"https://10.0.0.2:2379", "http://10.0.0.3:2379"}),
              ElementsAre("http://10.0.0.3:2379"));
}

TEST(EtcdEndpoints, WhatLeadsNowhereIsLeftOut) {
  EXPECT_THAT(taken({"http://10.0.0.1:2379"},
                    {"http://localhost:2379", "http://127.0.0.1:2379", "http://[::1]:2379", "http://0.0.0.0:2379",
                     "http://[::]:2379", "unix:///run/etcd.sock", "http://", "", "http://10.0.0.2:x"}),
              IsEmpty());
  EXPECT_THAT(taken({"http://127.0.0.1:2379"}, {"http://127.0.0.1:2381"}), ElementsAre("http://127.0.0.1:2381"))
      << "who is reached over loopback has its others there, too";
}

TEST(EtcdEndpoints, HoweverManyThereAreOnlySomeAreTaken) {
  std::vector<std::string> urls;
  for (int i = 0; i < 100; ++i) urls.push_back("http://10.0.1." + std::to_string(i) + ":2379");
  EXPECT_EQ(taken({"http://10.0.0.1:2379"}, urls).size(), kMostMembers);
}

}  // namespace
}  // namespace berth::store::etcd
