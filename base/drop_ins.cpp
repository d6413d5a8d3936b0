// base/drop_ins.cpp - see drop_ins.hpp.
#include "base/drop_ins.hpp"

#include <algorithm>
#include <string>
#include <system_error>

#include <fmt/format.h>

namespace berth {
namespace {

constexpr std::size_t kMaxDropIns = 100;

}  // namespace

std::filesystem::path drop_in_directory(const std::filesystem::path& file) {
  auto directory = file;
  return directory.replace_extension(".d");
}

Result<std::vector<std::filesystem::path>> drop_ins(const std::filesystem::path& file) {
  const auto directory = drop_in_directory(file);
  std::vector<std::filesystem::path> files;
  std::error_code error;
  // Walked by hand: a range would throw at the first entry that cannot be read.
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    const auto name = at->path().filename().native();
    if (name.starts_with('.') || !name.ends_with(".yaml")) continue;
    if (files.size() == kMaxDropIns) {
      return Error(ErrorCode::ResourceExhausted,
                   fmt::format("read {}: more than {} files", directory.native(), kMaxDropIns));
    }
    files.push_back(at->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Error::from_errno(error.value(), "read " + directory.native());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace berth
