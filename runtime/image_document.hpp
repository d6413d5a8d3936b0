// runtime/image_document.hpp - index, manifest and config of an image, read from their JSON. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "runtime/platform.hpp"

namespace berth::runtime {

/// What the image says about running it; see the OCI image specification, config.md.
struct ImageConfig {
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> env;
  std::string user;
  std::string working_dir;
  int stop_signal = 15;     ///< What asks it to end; SIGTERM where the image does not say, or says nonsense.
  std::uint64_t bytes = 0;  ///< Of all documents and layers, compressed, as the manifest says.
  std::string chain_id;     ///< Name of the unpacked snapshot of all layers; empty: an image without layers.
};

/// An index leads to manifests, a manifest to a config.
struct ImageDocument {
  std::vector<std::string> manifests;  ///< Of an index: digests that fit the platform, best first.
  std::string config;                  ///< Of a manifest: the digest of the config.
  std::uint64_t bytes = 0;             ///< Of a manifest: of the config and the layers that it names.
};

/// Reads an index (OCI or Docker manifest list) or a manifest; which one it is, the text says itself.
/// InvalidArgument: neither. NotFound: an index without a manifest for `platform`.
Result<ImageDocument> parse_image_document(std::string_view text, const Platform& platform);

/// Reads a config. InvalidArgument: it is not one.
Result<ImageConfig> parse_image_config(std::string_view text);

/// "SIGQUIT", "quit", "3", "SIGRTMIN+3", "RTMAX-1" → the number; nullopt: no signal of this kernel.
std::optional<int> parse_signal(std::string_view text);

/// The other way: "SIGQUIT", "SIGRTMIN+3", "SIGRTMAX-1", as Kubernetes names them; empty: none.
std::string signal_name(int number);

/// c1 = d1, cN = sha256("cN-1 dN"): the name of N stacked layers. See the OCI image specification, "Layer ChainID".
std::string chain_id(const std::vector<std::string>& diff_ids);

}  // namespace berth::runtime
