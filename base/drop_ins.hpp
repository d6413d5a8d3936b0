// base/drop_ins.hpp - the files that are laid over a configuration file: FILE.yaml, then FILE.d/*.yaml.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.hpp"

namespace berth {

/// "/etc/berth/berthd.d" for "/etc/berth/berthd.yaml".
std::filesystem::path drop_in_directory(const std::filesystem::path& file);

/// What is in that directory and ends with .yaml, in the order of names; not what begins with a dot. None when there is
/// no such directory. ResourceExhausted: more than 100 files; else what the system said.
Result<std::vector<std::filesystem::path>> drop_ins(const std::filesystem::path& file);

}  // namespace berth
