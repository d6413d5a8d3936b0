// agent/objects/event_recorder.hpp - Kubernetes events: what happened, counted instead of repeated, and forgotten in
// time.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "agent/objects/store_writer.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// Events about any object: (key, uid, type, reason, message).
using EventSink = std::function<void(const model::ObjectKey&, const std::string& uid, std::string_view type,
                                     std::string_view reason, const std::string& message)>;

/// Loop thread only. An equal event (object, reason, message) within an hour raises the count of the first.
/// At most 1,000 events are kept (the oldest go), none longer than an hour, and none of a namespace that is gone;
/// those of other hosts are theirs to keep.
class EventRecorder {
 public:
  EventRecorder(Loop& loop, store::Store& store, StoreWriter& writer, const Clock& clock, std::string host);

  /// `field_path`: what of the object it is about ("spec.containers{main}"); empty: all of it.
  void record(const model::ObjectKey& involved, const std::string& uid, std::string_view type, std::string_view reason,
              const std::string& message, const std::string& field_path = {});

 private:
  struct Kept {
    std::string name;  ///< Of the Event object.
    std::string ns;
    std::int32_t count = 1;
    SteadyTime last{};
  };
  void forget_old();

  Loop& loop_;
  const store::Store& store_;
  StoreWriter& writer_;
  const Clock& clock_;
  std::string host_;
  std::map<std::string, Kept> kept_;  ///< By uid, reason and message.
  std::unique_ptr<LoopHandle> timer_;
  std::uint64_t serial_ = 0;
};

}  // namespace berth::agent
