// agent/sets/status_numbers.hpp - writes the numbers of a status, and leaves alone what others keep there. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"

namespace berth::agent {

using StatusNumbers = std::vector<std::pair<std::string_view, std::int64_t>>;

/// Makes `status` of `raw` say the numbers. As the API shows them: a number that is 0 is left out, but for the first.
/// False: it says so already.
bool put_numbers(json::object& raw, const StatusNumbers& numbers);

}  // namespace berth::agent
