// tests/agent/controller_fixture.hpp - controllers on a memory store: each change is told as the agent tells it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/control/controller_runner.hpp"
#include "agent/ending/garbage_collector.hpp"
#include "agent/objects/cache_feed.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/objects/store_writer.hpp"
#include "model/model.hpp"
#include "store/store.hpp"
#include "tests/fakes/manual_clock.hpp"

namespace berth::agent {

class ControllerFixture : public testing::Test {
 protected:
  ControllerFixture() : ControllerFixture(store::StoreLimits{}) {}
  explicit ControllerFixture(const store::StoreLimits& limits) : store(store::make_memory_store(limits)) {}

  /// Begins as the agent does, and feeds the runner from now on.
  void begin(const std::vector<Controller>& rows) {
    for (const auto& row : rows) runner.add(row);
    feed.begin();
    settle();
  }

  /// Lets time pass, and what is due then be done.
  void pass(std::chrono::milliseconds time) {
    clock.advance(time);
    runner.run_due();
    settle();
  }

  /// Runs the loop until nothing is written any more.
  void settle() {
    for (int quiet = 0; quiet < 3;) {
      // A write of our own is answered after all before it: what it was told is on the loop then.
      std::ignore = store::remove_and_wait(*store, {model::Kind::ConfigMap, "none", "none"}, 0);
      quiet = loop.poll() == 0 ? quiet + 1 : 0;
    }
  }

  model::ObjectPtr put(std::string_view text) {
    auto raw = parse_json(text);
    EXPECT_TRUE(raw) << text;
    auto object = model::make_object(raw->get_object());
    EXPECT_TRUE(object) << (object ? "" : object.error().message());
    const auto old = store->get(object->key());
    auto done = old ? store::update_and_wait(*store, *std::move(object), 0)
                    : store::create_and_wait(*store, *std::move(object));
    EXPECT_TRUE(done) << (done ? "" : done.error().message());
    return done ? *done : nullptr;
  }

  void edit(const model::ObjectKey& key, const std::function<void(json::object&)>& change) {
    auto raw = store->get(key)->raw;
    change(raw);
    const auto done = store::update_and_wait(*store, *model::make_object(std::move(raw)), 0);
    ASSERT_TRUE(done) << done.error().message();
  }
  void remove(const model::ObjectKey& key) { ASSERT_TRUE(store::remove_and_wait(*store, key, 0)); }
  model::ObjectPtr get(model::Kind kind, const std::string& name, const std::string& ns = "default") const {
    return store->get({kind, ns, name});
  }
  bool exists(model::Kind kind, const std::string& name, const std::string& ns = "default") const {
    return get(kind, name, ns) != nullptr;
  }

  Loop loop;
  ManualClock clock;
  std::unique_ptr<store::Store> store;
  StoreWriter writer{loop, *store, clock};
  ObjectCache cache;
  std::vector<std::string> events;  ///< "Reason: message"
  ControllerRunner runner{
      {.loop = loop,
       .clock = clock,
       .writer = writer,
       .events = [this](const model::ObjectKey&, const std::string&, std::string_view, std::string_view reason,
                        const std::string& message) { events.push_back(std::string(reason) + ": " + message); }}};
  GarbageCollector garbage{*store};
  CacheFeed feed{loop,
                 *store,
                 cache,
                 {.on_snapshot = [this](const std::vector<PodPtr>&) { runner.wake_all(); },
                  .on_change = [this](const store::Change& change) { runner.on_change(change); },
                  .on_object = [this](const model::Object& object) { garbage.see(object); },
                  .on_whole = [this] { return garbage.end_of_snapshot(); }}};
};

}  // namespace berth::agent
