// agent/claims/provisioners.cpp - see provisioners.hpp.
#include "agent/claims/provisioners.hpp"

#include <algorithm>
#include <array>

namespace berth::agent {
namespace {

constexpr std::array<ProvisionerTraits, 5> kOurs{{
    {.name = kDirectoryProvisioner,
     .block = false,
     .mount_options = false,
     .grows = true,
     .file_system = false,
     .local = true,
     .named = true},
    {.name = "berth.io/nfs",
     .block = false,
     .mount_options = true,
     .grows = true,
     .file_system = false,
     .local = false,
     .named = true},
    {.name = "berth.io/lvm",
     .block = true,
     .mount_options = true,
     .grows = true,
     .file_system = true,
     .local = true,
     .named = true},
    {.name = "berth.io/loop",
     .block = true,
     .mount_options = true,
     .grows = true,
     .file_system = true,
     .local = true,
     .named = true},
    {.name = "berth.io/pool",
     .block = true,
     .mount_options = true,
     .grows = false,
     .file_system = true,
     .local = false,
     .named = false},
}};

}  // namespace

const ProvisionerTraits* find_provisioner_traits(std::string_view name) {
  const auto* found = std::find_if(kOurs.begin(), kOurs.end(), [&](const auto& one) { return one.name == name; });
  return found == kOurs.end() ? nullptr : found;
}

std::string provisioner_names() {
  std::string text;
  for (const auto& one : kOurs) {
    if (!text.empty()) text += ", ";
    text += one.name;
  }
  return text;
}

}  // namespace berth::agent
