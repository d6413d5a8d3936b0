// volumes/helper/nfs_provisioner.hpp - claims as directories on an NFS server: PATH/NS/CLAIM of its export.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "volumes/helper/provisioner.hpp"

namespace berth::volumes::helper {

enum class OnDelete { Delete, Retain, Archive };

/// What a StorageClass of berth.io/nfs says.
struct NfsParameters {
  std::string server;
  std::string path;
  OnDelete on_delete = OnDelete::Delete;
  mode_t mode = 0777;
};
/// Pure. InvalidArgument: see ParameterReader.
Result<NfsParameters> nfs_parameters(const model::StringMap& parameters);

/// The claim's own export path, "/srv/share/default/data-db-0". Pure.
std::string export_path(const NfsParameters& parameters, const std::string& ns, const std::string& claim);

/// The share is mounted in a mount namespace of this process only: however it ends, nothing stays mounted.
/// provision: the capacity is as asked; NFS has no quota to hold it to. expand: the same. reclaim: as `onDelete` says.
std::unique_ptr<Provisioner> make_nfs_provisioner();

}  // namespace berth::volumes::helper
