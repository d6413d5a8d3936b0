// agent/pods/status_writer.hpp - brings pods' status into the store: the newest wins, what others wrote stays.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/objects/store_writer.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// Puts `status` into `stored`, a pod's "status": all our own fields, and our conditions before those of other types
/// (readiness gates, a scheduler's). Fields that are not ours stay. False: it is there already. Pure.
bool merge_pod_status(json::object& stored, const model::PodStatus& status);

/// Does `stored` say what we say? Conditions of types that are not ours do not count. Pure.
bool shows(const model::PodStatus& stored, const model::PodStatus& ours);

/// One slot for each pod. While one write of a pod is under way, only the newest status waits; every try, the one after
/// a lost race too, writes the newest. So a status never replaces a newer one. And what was given while a write was
/// under way is compared with what is stored once more: somebody else may have written after it, and before its answer.
/// Loop thread only.
class StatusWriter {
 public:
  /// Of the newest status that was given, once it is stored (durably when the pod is over), or could not be: NotFound
  /// when there is no such pod any more, else try again later. It comes when the store never answers, too: see
  /// StoreWriter.
  using Done = std::function<void(const std::string& uid, const Status&)>;

  StatusWriter(StoreWriter& writer, Done done) : writer_(writer), done_(std::move(done)) {}
  StatusWriter(const StatusWriter&) = delete;
  StatusWriter& operator=(const StatusWriter&) = delete;

  void write(const model::ObjectKey& key, const std::string& uid, const model::PodStatus& status);

  /// False: what is given from now on waits until it is true again, as it is at first. Without a session of ours others
  /// write of our pods that nobody sees them, and each would answer the other.
  void set_open(bool open);

  /// The newest status that was given and is not stored yet; null: none.
  std::shared_ptr<const model::PodStatus> under_way(const std::string& uid) const {
    const auto found = slots_.find(uid);
    return found == slots_.end() ? nullptr : found->second->newest;
  }

  /// How many pods have a write under way, or waiting.
  std::size_t size() const { return slots_.size(); }

 private:
  struct Slot {
    model::ObjectKey key;
    std::shared_ptr<const model::PodStatus> newest;
    std::shared_ptr<const model::PodStatus> written;  ///< What the last try wrote.
    bool under_way = false;
    bool asked_again = false;  ///< While it was under way.
  };

  void begin(const std::string& uid, const std::shared_ptr<Slot>& slot);

  StoreWriter& writer_;
  Done done_;
  bool open_ = true;
  std::map<std::string, std::shared_ptr<Slot>> slots_;  ///< By uid; only while something is under way, or waits.
};

}  // namespace berth::agent
