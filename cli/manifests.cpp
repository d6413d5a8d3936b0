// cli/manifests.cpp - the objects that `-f FILE|DIR|-` names.
#include "cli/manifests.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "model/model.hpp"
#include "model/written_manifest.hpp"

namespace berth::cli {

namespace {

namespace fs = std::filesystem;

bool is_manifest(const fs::path& file) {
  const auto extension = file.extension();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

template <typename Iterator>
Status collect(const fs::path& folder, std::vector<std::string>& out) {
  std::error_code error;
  std::vector<std::string> found;
  for (Iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->is_regular_file(error) && is_manifest(at->path())) found.push_back(at->path().string());
  }
  if (error) return Error::from_errno(error.value(), fmt::format("read {}", folder.string()));
  std::sort(found.begin(), found.end());
  out.insert(out.end(), found.begin(), found.end());
  return Ok{};
}

Result<std::vector<std::string>> all_files(const std::vector<std::string>& names, bool recursive) {
  std::vector<std::string> out;
  for (const auto& name : names) {
    std::error_code error;
    if (name == "-" || !fs::is_directory(name, error)) {
      if (name != "-" && !fs::exists(name, error)) {
        return Error(ErrorCode::InvalidArgument, fmt::format("the path \"{}\" does not exist", name));
      }
      out.push_back(name);
      continue;
    }
    auto done =
        recursive ? collect<fs::recursive_directory_iterator>(name, out) : collect<fs::directory_iterator>(name, out);
    if (!done) return done.error();
  }
  return out;
}

Result<std::string> content(const std::string& file) {
  if (file != "-") return read_file(file);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

}  // namespace

Result<ManifestObjects> read_manifests(const Global& global, const std::vector<std::string>& files, bool recursive) {
  const auto names = all_files(files, recursive);
  if (!names) return names.error();
  ManifestObjects all;
  auto& out = all.objects;
  bool wrong = false;
  for (const auto& file : *names) {
    auto text = content(file);
    if (!text) return text.error();
    const auto shown = file == "-" ? std::string("stdin") : file;
    auto manifest = model::read_written(*text, shown);
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
      object.place = fmt::format("{}:{}", shown, written.line);
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
