// cli/messages.cpp - how failures reach the user.
#include "cli/messages.hpp"

#include <iostream>

namespace berth::cli {

int fail(const Error& error) {
  const auto& text = error.message();
  std::cerr << (text.starts_with("Error from server") ? "" : "error: ") << text << '\n';
  return 1;
}

}  // namespace berth::cli
