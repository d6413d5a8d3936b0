// runtime/app_armor.cpp - see app_armor.hpp. apparmor(7).
#include "runtime/app_armor.hpp"

#include <fmt/format.h>

#include "base/atomic_file.hpp"

namespace berth::runtime {
namespace {

/// Is there a line that begins so?
bool has_line(std::string_view text, const std::string& beginning) {
  return text.starts_with(beginning) || text.find('\n' + beginning) != std::string_view::npos;
}

/// Profiles for containers that others load: containerd for its CRI, and Docker.
std::string default_of(std::string_view loaded) {
  for (const auto* known : {"cri-containerd.apparmor.d", "docker-default"}) {
    if (has_line(loaded, fmt::format("{} (enforce)", known))) return known;
  }
  return {};
}

Error cannot(std::string_view why) {
  return {ErrorCode::InvalidArgument, fmt::format("cannot enforce AppArmor: {}", why)};
}

}  // namespace

LoadedProfiles read_loaded_profiles() {
  auto text = read_file("/sys/kernel/security/apparmor/profiles");
  if (!text) return std::nullopt;
  return *std::move(text);
}

Result<std::string> app_armor_profile(const std::optional<model::AppArmorProfile>& asked, bool privileged,
                                      const LoadedProfiles& loaded) {
  if (!asked) return privileged || !loaded ? std::string() : default_of(*loaded);
  if (asked->type == "Unconfined") return std::string();
  if (!loaded) return cannot("AppArmor is not enabled on the host");
  if (asked->type == "Localhost") {
    if (has_line(*loaded, asked->localhost_profile + " (")) return asked->localhost_profile;
    return cannot(fmt::format("profile \"{}\" is not loaded", asked->localhost_profile));
  }
  auto found = default_of(*loaded);
  if (!found.empty() || privileged) return privileged ? std::string() : found;
  return cannot(
      "neither profile \"cri-containerd.apparmor.d\" nor \"docker-default\" is loaded, which RuntimeDefault means "
      "here");
}

}  // namespace berth::runtime
