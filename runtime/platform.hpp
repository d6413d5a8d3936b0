// runtime/platform.hpp - an operating system and a processor, in Go's words, as images and nodes name them.
#pragma once

#include <string>

namespace berth::runtime {

/// For example {"linux", "arm64", "v8"}; see the platform of the OCI image specification, image-index.md.
struct Platform {
  std::string os = "linux";
  std::string architecture;
  std::string variant;
};

/// This host's, from uname(2). Any thread.
Platform host_platform();

}  // namespace berth::runtime
