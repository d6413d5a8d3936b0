// runtime/image_store.hpp - images that are present, by name, and what their configs say.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/containerd_client.hpp"
#include "runtime/image_document.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// A present image, ready to run.
struct LocalImage {
  std::string name;    ///< Normalised reference, or the id that was asked for.
  std::string digest;  ///< Of what the name points to: the manifest or the index.
  std::shared_ptr<const ImageConfig> config;
};

/// Looks images up in containerd; configs, which a digest fixes for ever, are kept for the last 64. Any thread.
class ImageStore {
 public:
  explicit ImageStore(ContainerdClient& client) : client_(client), platform_(host_platform()) {}

  /// Errors: NotFound (not here, or not complete: pull it), InvalidArgument (not a reference).
  Result<LocalImage> find(const std::string& reference);

 private:
  Result<ImageRecord> find_record(const std::string& reference);
  Result<std::shared_ptr<const ImageConfig>> config_of(const Descriptor& target);
  Result<ImageConfig> read_config(const Descriptor& target);

  ContainerdClient& client_;
  const Platform platform_;
  std::mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<const ImageConfig>>> recent_;  ///< By digest, newest first.
};

}  // namespace berth::runtime
