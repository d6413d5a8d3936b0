// volumes/names.hpp - which words may become a file name below our directories.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace berth::volumes {

/// Ok when `name` can be one path component of ours: 1 to 253 of [A-Za-z0-9.-], starting and ending with
/// a letter or digit (Kubernetes' object names and uids are all of that form). So it is never "..", hidden or
/// absolute. InvalidArgument: `what "name": ...`.
Status check_name(std::string_view what, std::string_view name);

}  // namespace berth::volumes
