// volumes/helper/say.cpp - the lines of JSON that the agent reads while a job runs.
#include <iostream>

#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {

void say_doing(std::string_view what, std::chrono::seconds may_take) {
  const json::object line = {{"doing", what}, {"seconds", may_take.count()}};
  std::cout << json::serialize(line) << '\n';
  std::cout.flush();
}

}  // namespace berth::volumes::helper
