// runtime/seccomp.hpp - the distribution's system call filter, translated to what runc reads.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "runtime/capabilities.hpp"

namespace berth::runtime {

/// Translates a profile from docker's format (archMap; includes and excludes by capability, architecture and kernel) to
/// the OCI runtime specification's linux.seccomp, as JSON text. A profile in OCI's own format passes through.
/// `architecture` in Go's words ("amd64"), `kernel` as uname -r. InvalidArgument: not a profile. Pure.
Result<std::string> translate_seccomp(std::string_view profile, CapabilitySet capabilities,
                                      std::string_view architecture, std::string_view kernel);

/// The host's profiles. A translation is some 10 KB of text, made from 15 KB of file by way of 100 KB of tree: the
/// texts of the last few capability sets are kept, and nothing else. Any thread.
class SeccompProfiles {
 public:
  /// `defaults`: where a distribution may keep the profile behind RuntimeDefault; the first that exists is it.
  /// `local`: the folder that Localhost profiles are named in.
  SeccompProfiles(std::vector<std::filesystem::path> defaults, std::filesystem::path local);

  /// For type RuntimeDefault. NotFound: this host has no profile.
  Result<std::shared_ptr<const std::string>> runtime_default(CapabilitySet capabilities);

  /// For type Localhost. InvalidArgument: the path leads out of the folder, or there is no sound profile.
  Result<std::shared_ptr<const std::string>> localhost(const std::string& name, CapabilitySet capabilities);

 private:
  Result<std::shared_ptr<const std::string>> load(const std::filesystem::path& path, CapabilitySet capabilities);

  std::vector<std::filesystem::path> defaults_;
  std::filesystem::path local_;
  std::mutex mutex_;
  std::vector<std::pair<std::string, std::shared_ptr<const std::string>>> kept_;  ///< Newest last.
};

}  // namespace berth::runtime
