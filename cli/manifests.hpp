// cli/manifests.hpp - the objects that -f and -k name, as they are written.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "cli/command.hpp"
#include "cli/manifest_files.hpp"
#include "model/meta.hpp"

namespace berth::cli {

struct ManifestObject {
  const model::KindInfo* kind = nullptr;
  std::string ns;  ///< Empty for kinds without.
  std::string name;
  json::object raw;   ///< As written, in the current version, with its namespace; no defaults.
  std::string place;  ///< "web.yaml:14"
};

struct ManifestObjects {
  std::vector<ManifestObject> objects;
  bool left_out = false;  ///< Something is of a kind that is not run here: it was named on stderr.
};

/// All objects of the files, checked, in the order in which they can be made (namespaces first, pods last). Problems go
/// to stderr, each with file, line and object; with any of them the answer is InvalidArgument and nothing may be sent.
/// Other errors: read_texts().
Result<ManifestObjects> read_manifests(const Global& global, const ManifestFiles& files);

}  // namespace berth::cli
