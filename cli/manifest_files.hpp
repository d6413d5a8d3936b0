// cli/manifest_files.hpp - where manifests come from: files, folders, URLs, standard input, a kustomization.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/flags.hpp"

namespace berth::cli {

/// What -f, -R and -k say.
struct ManifestFiles {
  std::vector<std::string> names{};  ///< Files, folders, http(s) URLs; "-" is standard input.
  bool recursive = false;            ///< Folders with those below them.
  std::string kustomization{};       ///< A folder, or whatever else `kustomize build` takes; empty: none.

  bool given() const { return !names.empty() || !kustomization.empty(); }
};

/// Binds -f, -R and -k. `help`: what -f is for.
void add_file_flags(Flags& flags, ManifestFiles& files, std::string help);

struct ManifestText {
  std::string name;  ///< As messages show it: "web.yaml", "stdin", "https://example.com/web.yaml", "kustomize web".
  std::string text;
};

/// The texts, in the order given; a folder's *.yaml, *.yml and *.json by name. Blocks: a URL for at most 30 s, and
/// kustomize for at most two minutes; what that says on its standard error goes to ours.
/// InvalidArgument: there is no such path; -f and -k at once. FailedPrecondition: neither kustomize nor kubectl is on
/// the PATH, or HTTPS support is not installed. Unavailable: a URL does not answer, or with another status than 200.
Result<std::vector<ManifestText>> read_texts(const ManifestFiles& files);

}  // namespace berth::cli
