// volumes/helper/step.hpp - a step of a job that is one program's work: said, run, its failure in one sentence.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth::volumes::helper {

/// Says what is being done (say_doing), runs argv[0] with the words of the C locale, and gives what it printed on both
/// outputs. Errors, all beginning with `doing`: NotFound (`no program mkfs.xfs here, install xfsprogs`),
/// DeadlineExceeded, Unknown (it failed: its last lines).
Result<std::string> run_step(std::string_view doing, const std::vector<std::string>& argv,
                             std::chrono::seconds may_take);

/// As run_step, but only what it printed on stdout: for reports that are parsed.
Result<std::string> read_step(std::string_view doing, const std::vector<std::string>& argv,
                              std::chrono::seconds may_take);

/// The end of a program's output as part of one sentence: its last lines joined by "; ". At most 400 bytes. Pure.
std::string last_words(std::string_view output);

}  // namespace berth::volumes::helper
