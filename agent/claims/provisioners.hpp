// agent/claims/provisioners.hpp - the provisioners that this agent is, and what each of them can. Pure.
#pragma once

#include <string>
#include <string_view>

namespace berth::agent {

constexpr std::string_view kDirectoryProvisioner = "berth.io/directory";
/// Volumes of such a class are made by people; claims only find them.
constexpr std::string_view kNoProvisioner = "kubernetes.io/no-provisioner";

/// Annotations of a PersistentVolume: who made it, and with which parameters of its class (a JSON object), so that it
/// can be grown and removed when the class is gone.
constexpr std::string_view kProvisionedBy = "pv.kubernetes.io/provisioned-by";
constexpr std::string_view kParameters = "berth.io/parameters";

struct ProvisionerTraits {
  std::string_view name;
  bool block;          ///< Makes raw block volumes too.
  bool mount_options;  ///< Its volumes are mounted, so that options mean something.
  bool grows;          ///< Volumes can be made larger.
  bool file_system;    ///< A volume has a file system of its own, which grows after it.
  bool local;          ///< Only the host that made a volume has it.
  bool named;          ///< Volumes are called after namespace and claim: the same claim finds its content again.
};

/// Null when it is none of ours.
const ProvisionerTraits* find_provisioner_traits(std::string_view name);

/// "berth.io/directory, berth.io/nfs, ..."
std::string provisioner_names();

}  // namespace berth::agent
