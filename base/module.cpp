// base/module.cpp - a part of the program that is loaded when it is first needed.
#include "base/module.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <string>

namespace berth {

Result<void*> load_module(std::string_view file, std::string_view symbol) {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return Error(ErrorCode::FailedPrecondition, "find the program's directory: " + error.message());
  const auto beside = program.parent_path() / file;
  const auto installed = program.parent_path().parent_path() / "lib" / "berth" / file;
  const auto& path = std::filesystem::exists(beside, error) ? beside : installed;
  auto* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return Error(ErrorCode::FailedPrecondition, std::string("load a module: ") + ::dlerror());
  auto* found = ::dlsym(handle, std::string(symbol).c_str());
  if (found == nullptr) return Error(ErrorCode::FailedPrecondition, path.string() + ": not our module");
  return found;
}

}  // namespace berth
