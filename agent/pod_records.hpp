// agent/pod_records.hpp - what each pod on this host was made from, beside it in runDir: a store that is lost does not
// take it.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "base/lane.hpp"
#include "base/result.hpp"
#include "model/meta.hpp"

namespace berth::agent {

/// One file for each pod, mode 0600: environments hold secrets. Writes happen on the lane. Loop thread.
class PodRecords {
 public:
  PodRecords(std::filesystem::path directory, Lane& lane);

  /// Writes the pod's object once; a pod's spec does not change in what matters.
  void keep(const model::ObjectPtr& pod);
  void forget(const std::string& uid);

  /// The object under that uid, as it can be created in a store that does not know it: bound as it was, without owners,
  /// whose uids mean nothing there. NotFound: an agent made it that kept no records.
  Result<model::Object> read(const std::string& uid) const;

 private:
  const std::filesystem::path directory_;
  Lane& lane_;
  std::set<std::string> kept_;
};

}  // namespace berth::agent
