// volumes/helper/lvm_provisioner.hpp - claims as logical volumes: VG/NS.CLAIM, thick or thin.
#pragma once

#include <memory>
#include <string>

#include "volumes/helper/provisioner.hpp"

namespace berth::volumes::helper {

/// What a StorageClass of berth.io/lvm says.
struct LvmParameters {
  std::string group;
  std::string thin_pool;  ///< Empty: thick volumes.
  std::string fs_type;
  int stripes = 1;          ///< Thick ones only: over how many disks.
  bool overcommit = false;  ///< Thin ones only: may promise more than the pool has.
};
/// Pure. InvalidArgument: see ParameterReader.
Result<LvmParameters> lvm_parameters(const model::StringMap& parameters);

/// NS.CLAIM; a namespace has no dot, so it is nobody else's. InvalidArgument: lvm2 could not have that name. Pure.
Result<std::string> volume_name(const std::string& group, const std::string& ns, const std::string& claim);

/// The words of lvcreate(8) for a new volume. It is tagged berth.new until it has been wiped. Pure.
std::vector<std::string> create_command(const LvmParameters& parameters, const std::string& name,
                                        const std::string& claim_tag, std::int64_t bytes);

/// provision: a new volume is wiped, for it may stand where an old file system stood; tagged `berth.new` from its first
/// moment until that is done, so that a killed attempt is wiped again. One that is there without that tag is taken as
/// it is. expand: lvextend, then the file system if mounted. reclaim: only what carries our tag `berth`, unused.
std::unique_ptr<Provisioner> make_lvm_provisioner();

}  // namespace berth::volumes::helper
