// runtime/app_armor.hpp - the AppArmor profile that a container runs under.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/pod.hpp"

namespace berth::runtime {

/// What the kernel has loaded: the text of /sys/kernel/security/apparmor/profiles, a line "NAME (MODE)" each. nullopt:
/// AppArmor is not on.
using LoadedProfiles = std::optional<std::string>;

/// As it is now.
LoadedProfiles read_loaded_profiles();

/// The name that runc is told; empty: it confines nothing. Nobody asked, or a privileged container asks for the
/// default: what is there, and nothing without it. Whatever else was asked for is kept, or it is an error.
/// InvalidArgument, for the user: AppArmor is not on, or the profile is not loaded. Pure.
Result<std::string> app_armor_profile(const std::optional<model::AppArmorProfile>& asked, bool privileged,
                                      const LoadedProfiles& loaded);

}  // namespace berth::runtime
