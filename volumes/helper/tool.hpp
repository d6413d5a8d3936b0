// volumes/helper/tool.hpp - runs a system tool: mkfs, mount, iscsiadm.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.hpp"
#include "base/result.hpp"

namespace berth::volumes::helper {

/// Runs argv[0] and waits. It dies with this process: a tool that outlived its job would go on changing a device
/// which the next job already looks at.
///
/// Errors: NotFound (`mkfs.xfs is not installed: install xfsprogs`), DeadlineExceeded. A tool that ran and failed is no
/// error here: look at exit_code.
Result<ChildResult> run_tool(const std::vector<std::string>& argv, std::chrono::seconds may_take);

/// The Debian package that has the tool; empty when we do not know.
std::string_view package_of(std::string_view tool);

/// What a tool printed, for a message: one line, at most some 500 bytes of the end, where the error is.
std::string one_line(std::string_view output);

}  // namespace berth::volumes::helper
