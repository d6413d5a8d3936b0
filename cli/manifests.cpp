// cli/manifests.cpp - see manifests.hpp.
#include "cli/manifests.hpp"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "model/model.hpp"
#include "model/written_manifest.hpp"

namespace berth::cli {

Result<ManifestObjects> read_manifests(const Global& global, const ManifestFiles& files) {
  const auto texts = read_texts(files);
  if (!texts) return texts.error();
  ManifestObjects all;
  auto& out = all.objects;
  bool wrong = false;
  for (const auto& file : *texts) {
    auto manifest = model::read_written(file.text, file.name);
    for (const auto& problem : manifest.warnings) std::cerr << "Warning: " << problem.text() << '\n';
    for (const auto* problems : {&manifest.errors, &manifest.left_out}) {
      for (const auto& problem : *problems) std::cerr << "error: " << problem.text() << '\n';
    }
    all.left_out = all.left_out || !manifest.left_out.empty();
    wrong = wrong || !manifest.errors.empty();
    for (auto& written : manifest.objects) {
      ManifestObject object;
      object.kind = &model::info(written.kind);
      object.name = written.name;
      object.place = fmt::format("{}:{}", file.name, written.line);
      object.raw = std::move(written.raw);
      if (object.kind->namespaced) {
        auto& metadata = object.raw["metadata"].get_object();
        if (metadata.if_contains("namespace") == nullptr) metadata["namespace"] = global.ns;
        object.ns = find_string(object.raw, {"metadata", "namespace"});
      }
      if (global.ns_given && !object.ns.empty() && object.ns != global.ns) {
        std::cerr << fmt::format(
            "error: {}: the namespace from the provided object \"{}\" does not match the namespace \"{}\". You must "
            "pass "
            "'--namespace={}' to perform this operation.\n",
            object.place, object.ns, global.ns, object.ns);
        wrong = true;
      }
      out.push_back(std::move(object));
    }
  }
  if (wrong) return Error(ErrorCode::InvalidArgument, "nothing was sent: see above");
  if (out.empty()) return Error(ErrorCode::InvalidArgument, "no objects passed to apply");
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.kind->kind < b.kind->kind; });
  return all;
}

}  // namespace berth::cli
