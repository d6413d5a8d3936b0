// cli/extraction.hpp - an archive's files put below one folder, and nowhere else.
#pragma once

#include <filesystem>
#include <string>

#include "base/unique_fd.hpp"
#include "cli/tar_stream.hpp"

namespace berth::cli {

/// Puts members whose names begin with `prefix` at `destination`; a member that is the prefix itself is `destination`.
/// What would lie outside, and every link, is left out with a warning on stderr. Steps are resolved by the kernel
/// beneath the destination (openat2(2), RESOLVE_BENEATH): a link that is already there leads nowhere else.
class Extraction final : public TarSink {
 public:
  Extraction(std::string prefix, std::filesystem::path destination);

  Status begin(const TarEntry& entry) override;
  Status data(std::string_view bytes) override;
  Status end() override;

  std::size_t files() const { return files_; }

 private:
  Status open_root(bool as_folder);
  Status make_folders(const std::string& relative);

  std::string prefix_;
  std::filesystem::path destination_;
  UniqueFd root_;  ///< The destination, or the folder it is in when it is a file.
  std::string base_;
  UniqueFd file_;
  std::size_t files_ = 0;
};

}  // namespace berth::cli
