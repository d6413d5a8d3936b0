// fence/kernel_file.hpp - one value into one of the kernel's files, which takes it in one write(2).
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>

#include "base/unique_fd.hpp"

namespace berth::fence {

/// False: it was not taken.
inline bool put(const std::filesystem::path& file, std::string_view value) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
}

}  // namespace berth::fence
