// tests/api/access_review_test.cpp - who am I, and may I?
#include "api/access/access_review.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "base/json.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Answer {
  unsigned code = 0;
  json::value body;
};

Answer ask(const User& user, std::vector<std::string> segments, std::string_view spec, Method method = Method::Post) {
  HttpRequest request;
  request.method = method;
  request.user = user;
  request.body = fmt::format(R"({{"spec":{}}})", spec);
  const auto answer = review_access(segments, request);
  EXPECT_TRUE(answer);
  if (!answer) return {};
  return {answer->code, *parse_json(answer->body)};
}

const User kAdmin = make_user("root", {"system:masters"});
const User kViewer = make_user("eve", {"view"}, "42");
const User kNobody = make_user("bob", {});

bool may(const User& user, std::string_view attributes) {
  const auto answer = ask(user, {"apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"},
                          fmt::format(R"({{"resourceAttributes":{}}})", attributes));
  EXPECT_EQ(answer.code, 201U);
  return answer.body.at("status").at("allowed").as_bool();
}

TEST(AccessReview, AnswersAsTheDoorDoes) {
  EXPECT_TRUE(may(kAdmin, R"({"verb":"delete","resource":"pods"})"));
  EXPECT_TRUE(may(kAdmin, R"({"verb":"*","resource":"*","group":"*"})"));
  EXPECT_TRUE(may(kViewer, R"({"verb":"list","resource":"pods","namespace":"a"})"));
  EXPECT_TRUE(may(kViewer, R"({"verb":"get","resource":"pods/log"})"));
  EXPECT_FALSE(may(kViewer, R"({"verb":"get","resource":"secrets"})"));
  EXPECT_FALSE(may(kViewer, R"({"verb":"create","resource":"pods","subresource":"exec"})"));
  EXPECT_FALSE(may(kNobody, R"({"verb":"list","resource":"pods"})"));
  const auto path = ask(kNobody, {"apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"},
                        R"({"nonResourceAttributes":{"path":"/healthz","verb":"get"}})");
  EXPECT_TRUE(path.body.at("status").at("allowed").as_bool());
}

TEST(AccessReview, AReviewThatAsksNothingIsInvalid) {
  for (const auto spec : {"{}", "null", R"({"resourceAttributes":{},"nonResourceAttributes":{}})"}) {
    const auto answer = ask(kAdmin, {"apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"}, spec);
    EXPECT_EQ(answer.code, 422U) << spec;
  }
}

TEST(AccessReview, OthersAreJudgedByTheirGroups) {
  const auto about = [](std::string_view groups) {
    return ask(kAdmin, {"apis", "authorization.k8s.io", "v1", "subjectaccessreviews"},
               fmt::format(R"({{"user":"x","groups":{},"resourceAttributes":{{"verb":"delete","resource":"pods"}}}})",
                           groups))
        .body.at("status")
        .at("allowed")
        .as_bool();
  };
  EXPECT_TRUE(about(R"(["system:masters"])"));
  EXPECT_FALSE(about(R"(["view"])"));
  EXPECT_FALSE(about("[]"));
  const auto nobody = ask(kAdmin, {"apis", "authorization.k8s.io", "v1", "subjectaccessreviews"},
                          R"({"resourceAttributes":{"verb":"delete","resource":"pods"}})");
  EXPECT_EQ(nobody.code, 422U);
  const auto elsewhere =
      ask(kAdmin, {"apis", "authorization.k8s.io", "v1", "namespaces", "a", "localsubjectaccessreviews"},
          R"({"user":"x","resourceAttributes":{"verb":"get","resource":"pods","namespace":"b"}})");
  EXPECT_EQ(elsewhere.code, 400U);
}

TEST(AccessReview, RulesNameWhatTheRoleMay) {
  const auto rules = [](const User& user) {
    return json::serialize(
        ask(user, {"apis", "authorization.k8s.io", "v1", "selfsubjectrulesreviews"}, R"({"namespace":"default"})")
            .body.at("status"));
  };
  EXPECT_THAT(rules(kAdmin), HasSubstr(R"({"verbs":["*"],"apiGroups":["*"],"resources":["*"]})"));
  EXPECT_THAT(
      rules(kViewer),
      HasSubstr(R"("pods","podtemplates","replicationcontrollers","resourcequotas","serviceaccounts","services"]})"));
  EXPECT_THAT(rules(kViewer), Not(HasSubstr("secrets")));
  EXPECT_THAT(rules(kNobody), HasSubstr(R"({"verbs":["create"],"apiGroups":["authentication.k8s.io"],)"
                                        R"("resources":["selfsubjectreviews"]})"));
  EXPECT_THAT(rules(kNobody), Not(HasSubstr("pods")));
}

TEST(AccessReview, TellsWhoAsks) {
  for (const auto version : {"v1", "v1beta1"}) {
    const auto answer = ask(kViewer, {"apis", "authentication.k8s.io", version, "selfsubjectreviews"}, "{}");
    EXPECT_EQ(answer.code, 201U);
    EXPECT_EQ(json::serialize(answer.body.at("status")),
              R"({"userInfo":{"username":"eve","uid":"42","groups":["view","system:authenticated"]}})");
  }
}

TEST(AccessReview, OtherPathsAndMethodsAreNotReviews) {
  EXPECT_EQ(ask(kAdmin, {"apis", "authentication.k8s.io", "v1", "tokenreviews"}, "{}").code, 403U);
  EXPECT_EQ(ask(kAdmin, {"apis", "authentication.k8s.io", "v1", "selfsubjectreviews"}, "{}", Method::Get).code, 405U);
  EXPECT_FALSE(review_access({"apis", "authentication.k8s.io", "v1", "nothings"}, {}));
  EXPECT_FALSE(review_access({"apis", "apps", "v1", "statefulsets"}, {}));
}

}  // namespace
}  // namespace berth::api
