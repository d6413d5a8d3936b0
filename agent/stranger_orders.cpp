// agent/stranger_orders.cpp - see stranger_orders.hpp.
#include "agent/stranger_orders.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/host_status.hpp"

namespace berth::agent {

void StrangerOrders::take(const model::Object& node) {
  if (node.meta.name != rooms_.node || !rooms_.recovery.strangers_known()) return;
  for (const auto& [name, order] : node.meta.annotations) {
    if (!name.starts_with(model::kStrangerOrder)) continue;
    const auto uid = name.substr(model::kStrangerOrder.size());
    if (under_way_.contains(uid)) continue;
    const auto& all = rooms_.recovery.strangers();
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.uid == uid; });
    // What it speaks of is no stranger, or not any more: carried out, and we ended before we could say so.
    if (found == all.end()) {
      end(uid);
    } else {
      begin(*found, order);
    }
  }
}

/// By value: what follows may change the strangers.
void StrangerOrders::begin(model::Stranger stranger, const std::string& order) {
  under_way_[stranger.uid] = order;
  if (order == "remove") {
    rooms_.take_down({.uid = stranger.uid, .ns = stranger.ns, .name = stranger.name});
  } else if (order == "adopt") {
    adopt(stranger);
  } else {
    rooms_.recovery.explain(stranger.uid, fmt::format("the order \"{}\" is neither adopt nor remove", order));
    end(stranger.uid);
  }
}

/// Makes the stranger's object again, under its old uid: the driver then finds its containers as after any restart.
void StrangerOrders::adopt(const model::Stranger& stranger) {
  const auto failed = [this, stranger](const Error& error) {
    const auto why = fmt::format("not adopted: {}", error.message());
    rooms_.events({model::Kind::Node, "", rooms_.node}, rooms_.node, "Warning", "NotAdopted",
                  fmt::format("Pod {}/{} ({}): {}", stranger.ns, stranger.name, stranger.uid, error.message()));
    rooms_.recovery.explain(stranger.uid, why);
    end(stranger.uid);
  };
  auto object = rooms_.records.read_pod(stranger.uid);
  if (!object) return failed(object.error().context("its record"));
  object->raw["status"] = json::object{};
  rooms_.store.create(*std::move(object), Durability::Durable,
                      // Of us only what is run on the loop: the store may answer when we are gone.
                      [this, &loop = rooms_.loop, failed, uid = stranger.uid](const Result<model::ObjectPtr>& made) {
                        loop.post([this, failed, uid, made] {
                          if (!made) return failed(made.error());
                          rooms_.recovery.drop(uid);
                          end(uid);
                        });
                      });
}

void StrangerOrders::on_gone(const std::string& uid) {
  const auto order = under_way_.find(uid);
  if (order == under_way_.end() || order->second != "remove") return;
  rooms_.recovery.drop(uid);
  end(uid);
}

void StrangerOrders::end(const std::string& uid) {
  const model::ObjectKey node{model::Kind::Node, "", rooms_.node};
  rooms_.writer.modify(
      node, {}, Durability::Durable,
      [name = std::string(model::kStrangerOrder) + uid](json::object& raw) {
        auto* metadata = raw.if_contains("metadata");
        if (metadata == nullptr || !metadata->is_object()) return false;
        auto* annotations = metadata->get_object().if_contains("annotations");
        return annotations != nullptr && annotations->is_object() && annotations->get_object().erase(name) != 0;
      },
      // Only now: until it is written, the annotation is there to be read and would begin anew.
      [this, uid](const Status&) { under_way_.erase(uid); });
}

}  // namespace berth::agent
