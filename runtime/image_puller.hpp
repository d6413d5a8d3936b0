// runtime/image_puller.hpp - downloads images: a few at a time, equal ones once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/lane.hpp"
#include "runtime/image_store.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// Gives a failed pull the code that says what to do next. CRI answers Unknown for nearly everything, so this is the
/// one place that has to read the text. Pure.
Error classify_pull_error(const Error& error);

/// Begins pulls; see PodRuntime::pull. Any thread. Needs GrpcChannel::shutdown() before its destruction, which ends
/// the pulls that run; those still waiting are dropped without an answer.
class ImagePuller {
 public:
  using Done = std::function<void(Result<ImageInfo>)>;

  ImagePuller(ContainerdClient& client, ImageStore& store);

  void pull(const std::string& reference, const std::vector<RegistryAuth>& auths, Done done);

 private:
  Result<ImageInfo> run(const std::string& name, const std::vector<RegistryAuth>& auths);

  ContainerdClient& client_;
  ImageStore& store_;
  std::mutex mutex_;
  std::map<std::string, std::vector<Done>> waiting_;  ///< By name: who wants to hear of the pull in flight.
  std::unique_ptr<Lane> lane_;                        ///< Last: joins before the rest goes.
};

}  // namespace berth::runtime
