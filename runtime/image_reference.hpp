// runtime/image_reference.hpp - "mongo:3.4.1" to "docker.io/library/mongo:3.4.1".
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::runtime {

/// A reference spelled out, as containerd names its image records.
struct ImageReference {
  std::string domain;      ///< "docker.io", "registry.example:5000"
  std::string repository;  ///< "library/mongo"
  std::string tag;         ///< "3.4.1"; empty with a digest only
  std::string digest;      ///< "sha256:..."; empty without

  /// "docker.io/library/mongo:3.4.1", "docker.io/library/mongo@sha256:...": with a digest the tag is left out, for that
  /// is the name under which a pull records the image.
  std::string name() const;
};

/// Adds what the short forms leave out: domain docker.io, folder library, tag latest. Pure.
/// See the grammar in https://pkg.go.dev/github.com/distribution/reference. InvalidArgument says what is wrong.
Result<ImageReference> parse_image_reference(std::string_view text);

/// Is it the id of an image ("sha256:" and 64 hex digits) and no name at all?
bool is_image_id(std::string_view text);

}  // namespace berth::runtime
