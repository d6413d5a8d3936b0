// runtime/platform.cpp - see platform.hpp.
#include "runtime/platform.hpp"

#include <sys/utsname.h>

#include <string_view>

namespace berth::runtime {

Platform host_platform() {
  utsname name{};
  ::uname(&name);
  const std::string_view machine = name.machine;
  if (machine == "x86_64") return {"linux", "amd64", ""};
  if (machine == "aarch64") return {"linux", "arm64", ""};
  if (machine.starts_with("armv7")) return {"linux", "arm", "v7"};
  if (machine.starts_with("armv6")) return {"linux", "arm", "v6"};
  if (machine == "i686" || machine == "i386") return {"linux", "386", ""};
  if (machine == "loongarch64") return {"linux", "loong64", ""};
  return {"linux", std::string(machine), ""};  // riscv64, ppc64le, s390x: the same words
}

}  // namespace berth::runtime
