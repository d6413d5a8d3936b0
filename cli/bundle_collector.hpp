// cli/bundle_collector.hpp - what is in a support bundle.
#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "cli/bundle_writer.hpp"
#include "cli/command.hpp"

namespace berth::cli {

/// Writes all of it, with or without a running agent. `config` is berthd's. Errors: of the writing only, what is not to
/// be had is noted.
Status collect_bundle(Global global, const std::filesystem::path& config, BundleWriter& out);

}  // namespace berth::cli
