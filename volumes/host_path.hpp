// volumes/host_path.hpp - hostPath, and the directories of claims: what the host has already.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.hpp"
#include "model/pod.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::volumes {

/// Checks, and makes where the type says so, what the pod will mount; links are followed, as the kubelet does.
///   ""                 anything; a directory (0755) is made when nothing is there, as containerd's CRI does
///   DirectoryOrCreate  a directory, made 0755 with its parents
///   Directory          a directory
///   FileOrCreate       a file, made 0644; its directory must exist
///   File, Socket, CharDevice, BlockDevice
/// A path on a network file system is looked at by a child process with a deadline, never by us.
/// Errors: NotFound, InvalidArgument (is of another type, relative path, ".."), DeadlineExceeded (the server is
/// silent).
Status check_host_path(const model::HostPathSource& source);

/// What is at `path`: stat(2)'s S_IFMT bits, links followed; none when nothing is. Looked at as above.
Result<std::optional<mode_t>> host_path_type(const std::string& path);

/// The directory of a bound claim whose volume is a path of this host, if it is there. NotFound: it is not.
Result<std::filesystem::path> claim_directory(const BoundClaim& claim, const std::filesystem::path& directory);

}  // namespace berth::volumes
