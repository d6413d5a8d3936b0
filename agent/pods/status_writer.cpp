// agent/pods/status_writer.cpp - see status_writer.hpp.
#include "agent/pods/status_writer.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace berth::agent {
namespace {

/// All that encode_pod_status() may write: what it leaves out is empty, and must not stay from before.
constexpr std::array<std::string_view, 13> kOurs{"phase",
                                                 "observedGeneration",
                                                 "reason",
                                                 "message",
                                                 "hostIP",
                                                 "hostIPs",
                                                 "podIP",
                                                 "podIPs",
                                                 "startTime",
                                                 "qosClass",
                                                 "conditions",
                                                 "initContainerStatuses",
                                                 "containerStatuses"};

bool is_ours(const model::PodStatus& status, std::string_view type) { return status.condition(type) != nullptr; }

bool over(const model::PodStatus& status) { return model::is_terminal_phase(status.phase); }

}  // namespace

bool merge_pod_status(json::object& stored, const model::PodStatus& status) {
  auto ours = model::encode_pod_status(status);
  if (const auto* before = stored.if_contains("conditions"); before != nullptr && before->is_array()) {
    auto& conditions = ours["conditions"];
    if (!conditions.is_array()) conditions.emplace_array();
    for (const auto& condition : before->get_array()) {
      if (!is_ours(status, find_string(condition, {"type"}))) conditions.get_array().push_back(condition);
    }
    if (conditions.get_array().empty()) ours.erase("conditions");
  }
  auto merged = stored;
  for (const auto name : kOurs) merged.erase(name);
  for (auto& [name, value] : ours) merged[name] = std::move(value);
  if (merged == stored) return false;
  stored = std::move(merged);
  return true;
}

bool shows(const model::PodStatus& stored, const model::PodStatus& ours) {
  auto seen = stored;
  std::erase_if(seen.conditions, [&](const auto& condition) { return !is_ours(ours, condition.type); });
  return seen == ours;
}

void StatusWriter::write(const model::ObjectKey& key, const std::string& uid, const model::PodStatus& status) {
  auto& slot = slots_[uid];
  if (!slot) {
    slot = std::make_shared<Slot>();
    slot->key = key;
  }
  if (!slot->newest || *slot->newest != status) slot->newest = std::make_shared<const model::PodStatus>(status);
  if (slot->under_way) {
    slot->asked_again = true;
  } else if (open_) {
    begin(uid, slot);
  }
}

void StatusWriter::set_open(bool open) {
  open_ = open;
  if (!open) return;
  for (const auto& [uid, slot] : slots_) {
    if (!slot->under_way) begin(uid, slot);
  }
}

void StatusWriter::begin(const std::string& uid, const std::shared_ptr<Slot>& slot) {
  slot->under_way = true;
  slot->asked_again = false;
  slot->written = slot->newest;
  // A pod that is over gives back what it held: nothing but its status then tells that it must not run again.
  const auto durability = over(*slot->newest) ? Durability::Durable : Durability::Lazy;
  writer_.modify(
      slot->key, uid, durability,
      [slot, durability](json::object& raw) {
        // The end of a pod that came meanwhile waits for a durable write of its own.
        if (durability == Durability::Durable || !over(*slot->newest)) slot->written = slot->newest;
        auto& status = raw["status"];
        if (!status.is_object()) status.emplace_object();
        return merge_pod_status(status.get_object(), *slot->written);
      },
      [this, uid, slot](const Status& done) {
        slot->under_way = false;
        if ((slot->asked_again || slot->written != slot->newest) && !failed_with(done, ErrorCode::NotFound)) {
          if (open_) begin(uid, slot);
          return;
        }
        slots_.erase(uid);
        done_(uid, done);
      });
}

}  // namespace berth::agent
