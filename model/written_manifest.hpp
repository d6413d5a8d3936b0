// model/written_manifest.hpp - a manifest's objects as they are written: what a client sends, the server defaults.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/model.hpp"

namespace berth::model {

struct WrittenObject {
  Kind kind = Kind::Pod;
  std::string name;
  json::object
      raw;  ///< In the current version, without status and the server's metadata; no defaults, not even a namespace.
  int line = 0;  ///< 1-based.
};

struct WrittenManifest {
  std::vector<WrittenObject> objects;  ///< In file order; each would be valid once defaulted.
  std::vector<Problem> errors;
  std::vector<Problem> left_out;  ///< See Manifest.
  std::vector<Problem> warnings;
};

/// As read_manifest(), with the same checks and limits, but keeps what was written. Never throws; pure.
WrittenManifest read_written(std::string_view text, const std::string& file, const ManifestLimits& limits = {});

}  // namespace berth::model
