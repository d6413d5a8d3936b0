// cli/manifest_files.cpp - see manifest_files.hpp.
#include "cli/manifest_files.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <iterator>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/child.hpp"
#include "https/loader.hpp"

namespace berth::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBuilt = 4 * 1024 * 1024;

bool is_manifest(const fs::path& file) {
  const auto extension = file.extension();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

bool is_url(const std::string& name) { return name.starts_with("http://") || name.starts_with("https://"); }

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

Result<std::vector<std::string>> all_files(const ManifestFiles& files) {
  std::vector<std::string> out;
  for (const auto& name : files.names) {
    std::error_code error;
    if (name == "-" || is_url(name) || !fs::is_directory(name, error)) {
      if (name != "-" && !is_url(name) && !fs::exists(name, error)) {
        return Error(ErrorCode::InvalidArgument, fmt::format("the path \"{}\" does not exist", name));
      }
      out.push_back(name);
      continue;
    }
    auto done = files.recursive ? collect<fs::recursive_directory_iterator>(name, out)
                                : collect<fs::directory_iterator>(name, out);
    if (!done) return done.error();
  }
  return out;
}

Result<std::string> fetch(const std::string& url) {
  const auto module = https::https_module();
  if (!module) return module.error();
  https::UrlRequest request;
  request.url = url;
  request.timeout = std::chrono::seconds(30);
  auto answer = (*module)->fetch(request, /*etag=*/"");
  if (!answer) return answer.error().context("read " + url);
  return std::move(answer->body);
}

Result<std::string> content(const std::string& file) {
  if (is_url(file)) return fetch(file);
  if (file != "-") return read_file(file);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

/// Kustomize is a language of its own, and these two know it.
Result<std::string> build(const std::string& kustomization) {
  if (kustomization.starts_with('-')) {
    return Error(ErrorCode::InvalidArgument, fmt::format("-k wants a folder, not \"{}\"", kustomization));
  }
  ChildOptions options;
  options.deadline = std::chrono::minutes(2);
  options.max_output = kMaxBuilt;
  options.shares_errors = true;
  for (const auto& builder : {std::vector<std::string>{"kustomize", "build"}, {"kubectl", "kustomize"}}) {
    auto argv = builder;
    argv.push_back(kustomization);
    auto built = run_child(argv, options);
    if (failed_with(built, ErrorCode::NotFound)) continue;
    if (!built) return built.error();
    const auto command = fmt::format("{} {} {}", builder[0], builder[1], kustomization);
    if (built->exit_code != 0) {
      return Error(ErrorCode::InvalidArgument, fmt::format("{}: exit code {}", command, built->exit_code));
    }
    if (built->said > kMaxBuilt) {
      return Error(ErrorCode::ResourceExhausted, fmt::format("{}: larger than {} bytes", command, kMaxBuilt));
    }
    return std::move(built->output);
  }
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("build {}: neither kustomize nor kubectl is on the PATH, and one of them builds "
                           "kustomizations; Debian has kubectl in the package kubernetes-client",
                           kustomization));
}

}  // namespace

void add_file_flags(Flags& flags, ManifestFiles& files, std::string help) {
  flags.add_each(files.names, "filename", 'f', "FILE", std::move(help));
  flags.add(files.recursive, "recursive", 'R', "Folders with those below them");
  flags.add(files.kustomization, "kustomize", 'k', "FOLDER", "What kustomize (or kubectl) builds from this folder");
}

Result<std::vector<ManifestText>> read_texts(const ManifestFiles& files) {
  std::vector<ManifestText> out;
  if (!files.kustomization.empty()) {
    if (!files.names.empty()) {
      return Error(ErrorCode::InvalidArgument, "only one of -f or -k can be specified");
    }
    auto built = build(files.kustomization);
    if (!built) return built.error();
    out.push_back({"kustomize " + files.kustomization, std::move(*built)});
    return out;
  }
  const auto names = all_files(files);
  if (!names) return names.error();
  for (const auto& name : *names) {
    auto text = content(name);
    if (!text) return text.error();
    out.push_back({name == "-" ? "stdin" : name, std::move(*text)});
  }
  return out;
}

}  // namespace berth::cli
