// cli/bundle_archive.hpp - a .tar.gz that is written while it is made, file by file.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::cli {

class BundleArchive {
 public:
  /// Takes the compressed bytes as they come.
  using Take = std::function<Status(std::string_view)>;

  /// Every file is below `folder`.
  BundleArchive(std::string folder, Take take);
  ~BundleArchive();
  BundleArchive(const BundleArchive&) = delete;
  BundleArchive& operator=(const BundleArchive&) = delete;

  /// Errors of `take` pass through.
  Status add(std::string_view name, std::string_view content);
  /// The end of the archive; nothing may be added any more.
  Status finish();

 private:
  struct Stream;
  Status write(std::string_view bytes, bool last);

  const std::string folder_;
  const Take take_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace berth::cli
