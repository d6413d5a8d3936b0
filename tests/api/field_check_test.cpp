// tests/api/field_check_test.cpp - fieldValidation, duplicate members, and warnings that are worth a line.
#include "api/writes/field_check.hpp"

#include <gmock/gmock.h>

#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(DuplicateFields, AreNamedByTheirPath) {
  EXPECT_THAT(duplicate_fields(R"({"a":1,"b":{"c":1,"c":2},"l":[{"x":1},{"x":{"y":1,"y":1},"x":2}],"a":2})"),
              ElementsAre("b.c", "l[1].x.y", "l[1].x", "a"));
  EXPECT_THAT(duplicate_fields(R"({"a":{"x":1},"b":{"x":1},"l":["x","x"]})"), IsEmpty());
  EXPECT_THAT(duplicate_fields(R"({"a":1,"a")"), IsEmpty());
  EXPECT_THAT(duplicate_fields("{\"a\\u0062\":1,\"ab\":2}"), ElementsAre("ab"));
  std::string many = "{";
  for (int i = 0; i < 500; ++i) many += "\"k\":1,";
  EXPECT_EQ(duplicate_fields(many + "\"z\":1}").size(), 100U);
}

class FieldValidationTest : public ApiFixture {
 protected:
  Answer create(std::string_view query, std::string_view spec, std::string_view name = "p") {
    return send("POST", fmt::format("/api/v1/namespaces/default/pods{}", query),
                fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}"}},"spec":{}}})", name, spec));
  }
};

constexpr std::string_view kTypos =
    R"({"containers":[{"name":"c","image":"i","imagee":"j"}],"foo":1,"hostname":"a","hostname":"b"})";

TEST_F(FieldValidationTest, StrictRefusesInKubernetesWords) {
  const auto answer = create("?fieldValidation=Strict", kTypos);
  EXPECT_EQ(answer.code, 400U);
  EXPECT_EQ(answer.message(),
            "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown field "
            "\"spec.containers[0].imagee\", unknown field \"spec.foo\", duplicate field \"spec.hostname\"");
}

TEST_F(FieldValidationTest, WarnIsTheDefaultAndIgnoreIsSilent) {
  for (const auto query : {"", "?fieldValidation=Warn"}) {
    const auto answer = create(query, kTypos, *query == 0 ? "a" : "b");
    EXPECT_EQ(answer.code, 201U) << answer.message();
    EXPECT_THAT(answer.warnings, ElementsAre(R"(unknown field "spec.containers[0].imagee")",
                                             R"(unknown field "spec.foo")", R"(duplicate field "spec.hostname")"));
  }
  EXPECT_THAT(create("?fieldValidation=Ignore", kTypos, "c").warnings, IsEmpty());
  const auto wrong = create("?fieldValidation=Loud", kTypos, "d");
  EXPECT_EQ(wrong.code, 422U);
  EXPECT_EQ(wrong.message(),
            "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"Loud\": supported "
            "values: \"\", \"Ignore\", \"Strict\", \"Warn\"");
}

TEST_F(FieldValidationTest, APatchIsNotBlamedForWhatIsStored) {
  ASSERT_EQ(create("?fieldValidation=Ignore", kTypos).code, 201U);
  const auto label = send("PATCH", "/api/v1/namespaces/default/pods/p?fieldValidation=Strict",
                          R"({"metadata":{"labels":{"a":"b"}}})", "application/merge-patch+json");
  EXPECT_EQ(label.code, 200U) << label.message();
  EXPECT_THAT(label.warnings, IsEmpty());
  const auto typo = send("PATCH", "/api/v1/namespaces/default/pods/p?fieldValidation=Strict",
                         R"({"metadata":{"lables":{"a":"b"}}})", "application/merge-patch+json");
  EXPECT_EQ(typo.code, 400U);
}

TEST_F(FieldValidationTest, FieldsWithoutEffectAreNamedUnlessTheyAskForNothing) {
  EXPECT_THAT(
      create("", R"({"containers":[{"name":"c","image":"i"}],"runtimeClassName":"fast","setHostnameAsFQDN":true})", "a")
          .warnings,
      ElementsAre("spec.runtimeClassName: has no effect here", "spec.setHostnameAsFQDN: has no effect here"));
  // What kubectl and Kubernetes' defaulting write.
  EXPECT_THAT(create("", R"({"containers":[{"name":"c","image":"i","resources":{}}],"restartPolicy":"Always",
                     "dnsPolicy":"ClusterFirst","serviceAccountName":"default","serviceAccount":"default","priority":0,
                     "preemptionPolicy":"PreemptLowerPriority","hostUsers":true,"shareProcessNamespace":false,
                     "securityContext":{},"overhead":{},"topologySpreadConstraints":null})",
                     "b")
                  .warnings,
              IsEmpty());
}

}  // namespace
}  // namespace berth::api
