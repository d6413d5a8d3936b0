// volumes/helper/loop_provisioner.hpp - claims as image files, which become loop devices: stateDir/images/NS/CLAIM.img.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "volumes/helper/provisioner.hpp"

namespace berth::volumes::helper {

/// What a StorageClass of berth.io/loop says.
struct LoopParameters {
  std::filesystem::path directory;  ///< Images are DIRECTORY/NS/CLAIM.img.
  std::string fs_type;
  bool preallocate = false;
  bool overcommit = false;
};
/// Pure. InvalidArgument: see ParameterReader.
Result<LoopParameters> loop_parameters(const model::StringMap& parameters, const std::filesystem::path& state_dir);

/// DIRECTORY/NS/CLAIM.img. InvalidArgument: a name that cannot be a file's. Pure.
Result<std::filesystem::path> image_path(const std::filesystem::path& directory, const std::string& ns,
                                         const std::string& claim);

/// provision: an image of the size asked for, at least what its file system needs, sparse or preallocated, that appears
/// complete or not at all. An image that is there keeps its content, and grows when more is asked for.
/// expand: the file, its loop devices and the file system mounted from it.
/// reclaim: the file, unless a loop device of it is in use.
std::unique_ptr<Provisioner> make_loop_provisioner();

}  // namespace berth::volumes::helper
