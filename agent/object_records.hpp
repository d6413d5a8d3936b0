// agent/object_records.hpp - what the pods on this host were made from, and the services that name them, beside them in
// runDir: a store that is lost does not take it.
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/lane.hpp"
#include "base/result.hpp"
#include "model/meta.hpp"

namespace berth::agent {

/// One file for each object, mode 0600: environments hold secrets. Written on the lane, the newest state of each last;
/// failing is harmless for as long as the store is there. Loop thread.
class ObjectRecords {
 public:
  ObjectRecords(std::filesystem::path directory, Lane& lane);

  /// A pod by its uid, as several of one name may run; anything else by its key. Replaces what was recorded of it.
  void keep(const model::ObjectPtr& object);
  void forget_pod(const std::string& uid) { forget_file(uid); }
  void forget(const model::ObjectKey& key);
  /// These are all that are no pods: what else this process kept of such goes.
  void keep_all(const std::vector<model::ObjectPtr>& others);
  bool has_pod(const std::string& uid) const { return kept_.contains(uid); }
  /// What this process did not keep goes: it was of a store that is lost, and nothing of that is left.
  void sweep();

  /// The pod under that uid, as it can be created in a store that does not know it: bound as it was, without owners,
  /// whose uids mean nothing there. NotFound: an agent made it that kept no records.
  Result<model::Object> read_pod(const std::string& uid) const;
  /// All that was recorded, by whatever process, as it was then. What cannot be read is left out. A small file in
  /// memory for each object (see on-disk.md): to be asked once.
  std::vector<model::ObjectPtr> all() const;

 private:
  struct Desk;

  void forget_file(const std::string& name);
  void write();

  const std::filesystem::path directory_;
  Lane& lane_;
  std::set<std::string> kept_;  ///< Names of files.
  std::shared_ptr<Desk> desk_;
};

}  // namespace berth::agent
