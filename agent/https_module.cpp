// agent/https_module.cpp - see https_module.hpp.
#include "agent/https_module.hpp"

#include <dlfcn.h>

#include <filesystem>

namespace berth::agent {
namespace {

constexpr const char* kFile = "berth-https.so";

Result<const HttpsModule*> load() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return Error(ErrorCode::FailedPrecondition, "find the program's directory: " + error.message());
  const auto beside = program.parent_path() / kFile;
  const auto installed = program.parent_path().parent_path() / "lib" / "berth" / kFile;
  const auto& path = std::filesystem::exists(beside, error) ? beside : installed;
  auto* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return Error(ErrorCode::FailedPrecondition, std::string("load HTTPS support: ") + ::dlerror());
  using Entry = const HttpsModule* (*)();
  const auto entry = reinterpret_cast<Entry>(::dlsym(handle, "berth_https_module"));
  if (entry == nullptr) return Error(ErrorCode::FailedPrecondition, path.string() + ": not our module");
  return entry();
}

}  // namespace

Result<const HttpsModule*> https_module() {
  static const Result<const HttpsModule*> module = load();
  return module;
}

}  // namespace berth::agent
