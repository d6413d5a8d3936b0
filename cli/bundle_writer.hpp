// cli/bundle_writer.hpp - how a support bundle is written: each file through the same sieve, and what was not to be
// had.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/bundle_archive.hpp"
#include "cli/bundle_redact.hpp"

namespace berth::cli {

/// What cannot be had is a line of its README and hinders nothing else. A failure to write ends what is written, and is
/// told by finish().
class BundleWriter {
 public:
  explicit BundleWriter(BundleArchive& archive) : archive_(archive) {}

  /// Not to be seen in anything that is added from now on.
  void add_secret(std::string_view value) { redactor_.add_secret(value); }

  /// Everything goes through here: cut, and without what is secret.
  void add(const std::string& name, std::string content);
  /// The same; of lines such as `password: x` the values are left out, too.
  void add_configuration(const std::string& name, std::string content);
  /// What the program says; false when it could not be run, or did not end well.
  bool add_program(const std::string& name, const std::vector<std::string>& argv);
  void add_file(const std::string& name, const std::filesystem::path& path);
  /// `name` is not to be had.
  void note(const std::string& name, const std::string& why);

  /// The README, and the end of the archive.
  Status finish();

 private:
  BundleArchive& archive_;
  Redactor redactor_;
  std::string notes_;
  Status written_ = Ok{};
};

/// Of each file, and of what a program says: the whole stays below a hundred MiB.
constexpr std::size_t kMostOfOne = 4 * 1024 * 1024;
/// For one program, one question.
constexpr std::chrono::seconds kPatience{20};

}  // namespace berth::cli
