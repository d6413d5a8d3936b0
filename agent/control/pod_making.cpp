// agent/control/pod_making.cpp - see pod_making.hpp.
#include "agent/control/pod_making.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>
#include <vector>

#include "agent/objects/revision.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

/// The group of pods and of their number; no other group of a plan has it.
constexpr int kMakingGroup = 100;

std::vector<Write> take_creations(std::vector<Write>& writes) {
  const auto middle = std::stable_partition(writes.begin(), writes.end(), [](const Write& write) {
    return write.verb != Write::Verb::Create || write.key.kind != model::Kind::Pod;
  });
  std::vector<Write> pods(std::make_move_iterator(middle), std::make_move_iterator(writes.end()));
  writes.erase(middle, writes.end());
  return pods;
}

/// Any change of the set since the plan is a lost race, as one of them may have come with pods.
Write count_write(const model::ObjectKey& key, const model::ObjectMeta& set, std::uint64_t made) {
  return {.key = key,
          .uid = set.uid,
          .edit =
              [seen = std::to_string(set.resource_version), made = std::to_string(made)](json::object& raw) {
                auto& meta = model::object_in(raw, "metadata");
                if (model::text_at(meta, "resourceVersion") != seen) return Edit::Refuse;
                model::object_in(meta, "annotations")[kPodsMade] = made;
                return Edit::Done;
              },
          .group = kMakingGroup};
}

}  // namespace

std::uint64_t pods_made(const model::ObjectMeta& set) {
  const auto found = set.annotations.find(kPodsMade);
  std::uint64_t number = 0;
  if (found != set.annotations.end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  }
  return number;
}

std::string letters_of(const std::string& set_uid, std::uint64_t number) {
  constexpr std::size_t kLetters = 5;
  return template_hash({{"set", set_uid}, {"number", number}}).substr(0, kLetters);
}

void PodMaking::gather(const model::ObjectKey& key, const model::ObjectMeta& set, Work& work) {
  if (!shared_) return;
  auto pods = take_creations(work.writes);
  if (pods.empty()) {
    refused_.erase(key);
    return;
  }
  if (std::any_of(work.writes.begin(), work.writes.end(), [&](const Write& write) { return write.key == key; })) {
    // It would be another set by then. Nothing may tell that this was written: it may be so already.
    work.look_again = std::chrono::milliseconds{0};
    return;
  }
  const auto most = refused_.contains(key) ? 1 : kAtOnce;
  if (pods.size() > most) pods.resize(most);  // Seeing these asks for the rest.
  for (auto& pod : pods) {
    pod.group = kMakingGroup;
    pod.after = false;
    pod.may_exist = true;  // Somebody else's of that name: the next number has another.
    if (&pod != &pods.front()) pod.refused.reset();
  }
  // The number last: who sees it has seen the pods.
  pods.push_back(count_write(key, set, pods_made(set) + pods.size()));
  work.writes.insert(work.writes.end(), std::make_move_iterator(pods.begin()), std::make_move_iterator(pods.end()));
}

void PodMaking::refused(const model::ObjectKey& key, const Write& write) {
  if (shared_ && write.verb == Write::Verb::Create && write.key.kind == model::Kind::Pod) refused_.insert(key);
}

}  // namespace berth::agent
