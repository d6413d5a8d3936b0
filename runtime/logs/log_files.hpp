// runtime/logs/log_files.hpp - the names of log files: the kubelet's, because log shippers know no others.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "runtime/logs/log_source.hpp"

namespace berth::runtime {

/// <ns>_<pod>_<uid>. A name that would be too long for a file system (NAME_MAX, 255) has the end of <pod> replaced by
/// "~" and a hash of the whole. Pure.
std::string pod_log_folder(const LogSource& source);

/// <directory>/<folder>/<container>/<attempt>.log, which is written; rotated ones are beside it. Pure.
std::filesystem::path log_file_path(const std::filesystem::path& directory, const LogSource& source);

/// <pod>_<ns>_<container>-<64 hex digits>.log, as shippers take it apart: the digits, where Kubernetes has containerd's
/// id, are a hash of ours. What would be too long loses the end of <pod>; the digits tell such names apart. Pure.
std::string log_link_name(const LogSource& source);

/// What is added to the name of a file that is rotated at `now`: ".20060102-150405" in UTC. It sorts behind `newest`,
/// the last one of before (empty: none), in the same second (".20060102-150405.001") and after a clock that was set
/// back, too. Pure.
std::string rotated_suffix(WallTime now, std::string_view newest);

/// The rotated files beside `current`, newest first; those of an earlier berth, named .1 to .9, are the oldest.
std::vector<std::filesystem::path> rotated_log_files(const std::filesystem::path& current);

}  // namespace berth::runtime
