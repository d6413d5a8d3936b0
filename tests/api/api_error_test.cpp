// tests/api/api_error_test.cpp - failures as Kubernetes words them.
#include "api/request/api_error.hpp"

#include <gtest/gtest.h>

namespace berth::api {
namespace {

const model::KindInfo& kSets = model::info(model::Kind::StatefulSet);

std::string text(const ApiError& error) { return json::serialize(encode_status(error)); }

std::string details(const ApiError& error) {
  const auto status = encode_status(error);
  const auto* found = status.if_contains("details");
  return found == nullptr ? "none" : json::serialize(*found);
}

TEST(ApiErrors, AStatusIsWholeAndInOrder) {
  EXPECT_EQ(text(not_found(kSets, "web")),
            R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
            R"("message":"statefulsets.apps \"web\" not found","reason":"NotFound",)"
            R"("details":{"name":"web","group":"apps","kind":"statefulsets"},"code":404})");
  EXPECT_EQ(not_permitted(kSets, "web", "not today").message, "statefulsets.apps \"web\" is forbidden: not today");
}

/// As the constructors in k8s.io/apimachinery/pkg/api/errors have them: some always, some never.
TEST(ApiErrors, DetailsAreThereOrNotAsInKubernetes) {
  EXPECT_EQ(details(path_not_found()), "{}");
  EXPECT_EQ(details(method_not_allowed()), "{}");
  EXPECT_EQ(details(not_permitted(kSets, "web", "")), R"({"name":"web","group":"apps","kind":"statefulsets"})");
  EXPECT_EQ(details(internal("boom")), R"({"causes":[{"message":"boom"}]})");
  EXPECT_EQ(details(invalid(kSets, "web",
                            {{.file = {}, .line = 0, .object = {}, .field = "spec.x", .message = "Required value"}})),
            R"({"name":"web","group":"apps","kind":"StatefulSet",)"
            R"("causes":[{"reason":"FieldValueRequired","message":"Required value","field":"spec.x"}]})");
  for (const auto& error : {bad_request("x"), not_acceptable("x"), unsupported_media_type("x"), expired("x")}) {
    EXPECT_EQ(details(error), "none") << error.reason;
  }
}

/// A full disk is not a request that is too large: a client would look for its mistake in the wrong place.
TEST(ApiErrors, AStoresRefusalSaysWhoseFaultItIs) {
  const auto code = [](ErrorCode from) { return from_error({from, "why"}, kSets, "web").code; };
  EXPECT_EQ(code(ErrorCode::ResourceExhausted), 507U);
  EXPECT_EQ(code(ErrorCode::Unavailable), 503U);
  EXPECT_EQ(code(ErrorCode::DeadlineExceeded), 504U);
  EXPECT_EQ(code(ErrorCode::OutOfRange), 413U) << "an object over the store's limit";
  EXPECT_EQ(code(ErrorCode::InvalidArgument), 422U) << "nobody makes it smaller";
  EXPECT_EQ(code(ErrorCode::FailedPrecondition), 409U);
  EXPECT_EQ(code(ErrorCode::Aborted), 409U);
  EXPECT_EQ(code(ErrorCode::DataLoss), 500U);
  EXPECT_EQ(from_error({ErrorCode::ResourceExhausted, "database or disk is full"}, kSets, "web").message,
            "database or disk is full");
}

}  // namespace
}  // namespace berth::api
