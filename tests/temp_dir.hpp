// tests/temp_dir.hpp - a directory of one test, gone with it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace berth {

class TempDir {
 public:
  /// Below `parent`: /tmp, or /dev/shm where a test needs a tmpfs.
  explicit TempDir(const std::string& parent = "/tmp") {
    auto name = parent + "/berth-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// What agents of one machine share is the tests' own, too.
[[maybe_unused]] inline const int kTestsLockDir =
    ::setenv("BERTH_LOCK_DIR", ("/tmp/berth-test-locks-" + std::to_string(::geteuid())).c_str(), /*overwrite=*/0);

inline void put(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << content;
}

inline std::string get(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) return "<missing>";
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace berth
