// cli/bundle_listing.hpp - what lies in a folder of the agent's, and in the cgroups of pods, as text for a bundle.
#pragma once

#include <filesystem>
#include <string>

namespace berth::cli {

/// Directories, files and their sizes below `root`; of the claims' data and of pods' own files only that they are
/// there. Nothing is looked at that may be a share or a device: one that hangs would hang us.
std::string listing(const std::filesystem::path& root);

/// The cgroups of pods: their tree, with what the kernel counts in each.
std::string cgroups();

}  // namespace berth::cli
