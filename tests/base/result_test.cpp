// tests/base/result_test.cpp - errors keep their class and gain context.
#include "base/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace berth {
namespace {

Result<std::unique_ptr<int>> half(int value) {
  if (value % 2 != 0) return Error(ErrorCode::InvalidArgument, "odd");
  return std::make_unique<int>(value / 2);
}

TEST(Result, HoldsAValueOrAnError) {
  auto good = half(4);
  ASSERT_TRUE(good.ok());
  const std::unique_ptr<int> value = *std::move(good);
  EXPECT_EQ(*value, 2);
  EXPECT_TRUE(failed_with(half(3), ErrorCode::InvalidArgument));
  EXPECT_FALSE(failed_with(half(3), ErrorCode::NotFound));
}

TEST(Result, ContextIsPutInFrontAndKeepsTheCode) {
  const auto error = Error::from_errno(ENOENT, "open /x").context("mount data-db-0");
  EXPECT_EQ(error.code(), ErrorCode::NotFound);
  EXPECT_EQ(error.message(), "mount data-db-0: open /x: No such file or directory");
}

TEST(Result, NotFoundWhileRemovingIsSuccess) {
  EXPECT_TRUE(ignore_not_found(Error(ErrorCode::NotFound, "gone")).ok());
  EXPECT_TRUE(failed_with(ignore_not_found(Error(ErrorCode::Unavailable, "away")), ErrorCode::Unavailable));
}

TEST(Result, ClassesOfErrnoChooseTheRetry) {
  EXPECT_EQ(Error::from_errno(ENOSPC, "").code(), ErrorCode::ResourceExhausted);
  EXPECT_EQ(Error::from_errno(EACCES, "").code(), ErrorCode::PermissionDenied);
  EXPECT_EQ(Error::from_errno(EBUSY, "").code(), ErrorCode::Unavailable);
  EXPECT_EQ(Error::from_errno(ETIMEDOUT, "").code(), ErrorCode::DeadlineExceeded);
}

}  // namespace
}  // namespace berth
