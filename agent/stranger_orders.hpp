// agent/stranger_orders.hpp - what a person decided about pods on this host that have no object: carries it out.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "agent/object_records.hpp"
#include "agent/objects/event_recorder.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/recovery.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// All outlive it.
struct StrangerRooms {
  Loop& loop;
  store::Store& store;
  StoreWriter& writer;
  Recovery& recovery;
  const ObjectRecords& records;
  EventSink events;
  std::string node;
  std::function<void(const runtime::PodIdentity&)> take_down;  ///< Ends in on_gone().
};

/// Orders are annotations of this node, `stranger.berth.io/<uid>` = adopt or remove. One stands until it is carried
/// out, over our restarts, and is then taken away: whoever waits for that can read the outcome from the strangers that
/// are left (Recovery::strangers()), where one that could not be adopted says why. Loop thread.
class StrangerOrders {
 public:
  explicit StrangerOrders(StrangerRooms rooms) : rooms_(std::move(rooms)) {}

  /// This node has changed, or the strangers have become known.
  void take(const model::Object& node);
  /// Nothing is left on this host of the pod with that uid.
  void on_gone(const std::string& uid);

 private:
  void begin(model::Stranger stranger, const std::string& order);
  void adopt(const model::Stranger& stranger);
  void end(const std::string& uid);

  StrangerRooms rooms_;
  std::map<std::string, std::string> under_way_;  ///< uid → order
};

}  // namespace berth::agent
