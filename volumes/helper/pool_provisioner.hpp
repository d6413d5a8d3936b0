// volumes/helper/pool_provisioner.hpp - claims get disks, partitions or iSCSI LUNs that are there already.
#pragma once

#include <memory>

#include "volumes/helper/provisioner.hpp"

namespace berth::volumes::helper {

/// provision: the smallest free device of the pool that is large enough, noted in state_dir/pool before it is answered;
/// the claim that has one finds it again. Free is: blank (or with a file system, with parameter adopt), not in use by
/// anybody, without partitions, and nobody's. expand: Unimplemented. reclaim: wiped as the class says, then free again;
/// what is not noted here was reclaimed before, so that only the host with the note may be asked.
std::unique_ptr<Provisioner> make_pool_provisioner();

}  // namespace berth::volumes::helper
