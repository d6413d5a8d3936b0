// api/http/socket_file.hpp - the unix socket that the API listens on.
#pragma once

#include <filesystem>

#include "base/kept_sockets.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::api {

/// Binds and listens: mode 0660, group `berth` when that group exists, non-blocking, close-on-exec.
/// A socket file that nobody answers on is replaced. Errors: Unavailable (a live server answers there), AlreadyExists
/// (something that is not a socket is there), InvalidArgument (path over 107 bytes), else as of bind(2).
Result<UniqueFd> listen_on(const std::filesystem::path& path);

/// The same, but one that an earlier process kept and that the file still leads to is taken over, with the connections
/// that wait in it; one that is made is kept for the next.
Result<UniqueFd> listen_on(const std::filesystem::path& path, const KeptSockets& kept);

}  // namespace berth::api
