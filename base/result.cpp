// base/result.cpp - see result.hpp.
#include "base/result.hpp"

#include <cerrno>
#include <system_error>

namespace berth {
namespace {

ErrorCode code_of_errno(int value) {
  switch (value) {
    case ENOENT:
    case ESRCH:
    case ENODEV:
    case ENXIO: return ErrorCode::NotFound;
    case EEXIST: return ErrorCode::AlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS: return ErrorCode::PermissionDenied;
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case EXDEV: return ErrorCode::InvalidArgument;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE: return ErrorCode::ResourceExhausted;
    case EBUSY:
    case EAGAIN:
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPIPE:
    case EADDRINUSE: return ErrorCode::Unavailable;
    case ETIMEDOUT: return ErrorCode::DeadlineExceeded;
    case ENOSYS:
    case EOPNOTSUPP: return ErrorCode::Unimplemented;
    case ECANCELED: return ErrorCode::Cancelled;
    default: return ErrorCode::Unknown;
  }
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::Cancelled: return "Cancelled";
    case ErrorCode::Unknown: return "Unknown";
    case ErrorCode::InvalidArgument: return "InvalidArgument";
    case ErrorCode::DeadlineExceeded: return "DeadlineExceeded";
    case ErrorCode::NotFound: return "NotFound";
    case ErrorCode::AlreadyExists: return "AlreadyExists";
    case ErrorCode::PermissionDenied: return "PermissionDenied";
    case ErrorCode::ResourceExhausted: return "ResourceExhausted";
    case ErrorCode::FailedPrecondition: return "FailedPrecondition";
    case ErrorCode::Aborted: return "Aborted";
    case ErrorCode::OutOfRange: return "OutOfRange";
    case ErrorCode::Unimplemented: return "Unimplemented";
    case ErrorCode::Internal: return "Internal";
    case ErrorCode::Unavailable: return "Unavailable";
    case ErrorCode::DataLoss: return "DataLoss";
    case ErrorCode::Unauthenticated: return "Unauthenticated";
  }
  return "Unknown";
}

Error Error::from_errno(int errno_value, std::string_view what) {
  auto text = std::string(what) + ": " + std::generic_category().message(errno_value);
  return {code_of_errno(errno_value), std::move(text)};
}

Error Error::context(std::string_view doing) const& { return Error(*this).context(doing); }

Error Error::context(std::string_view doing) && {
  message_.insert(0, ": ").insert(0, doing);
  return std::move(*this);
}

Status ignore_not_found(Status status) {
  if (failed_with(status, ErrorCode::NotFound)) return Ok{};
  return status;
}

}  // namespace berth
