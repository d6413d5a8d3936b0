// tests/agent/set_days_test.cpp - StatefulSets and DaemonSets on random days: whatever a user and a host do, order,
// floor and ceiling are kept, and in the end all is as it is wanted.
#include <algorithm>
#include <map>
#include <set>

#include "agent/sets/daemon_set_plan.hpp"
#include "agent/sets/stateful_set_plan.hpp"
#include "model/model.hpp"
#include "tests/agent/random_days.hpp"

namespace berth::agent {
namespace {

constexpr int kSteps = 80;  ///< Of a day.

json::object template_of(const std::string& app, const std::string& image) {
  return {{"metadata", {{"labels", {{"app", app}}}}},
          {"spec", {{"containers", json::array{json::object{{"name", "c"}, {"image", image}}}}}}};
}

std::string image_of(const json::object& pod_template) {
  return std::string(find_string(pod_template.at("spec").at("containers").at(0), {"image"}));
}

/// A set's pods and revisions, where every write is seen at once.
class Dock {
 public:
  void keep_revisions(const SetPlan& plan) {
    for (const auto& raw : plan.create) {
      if (find_string(json::value(raw), {"kind"}) != "ControllerRevision") continue;
      facts.revisions.push_back(std::make_shared<const Revision>(*decode_revision(*model::make_object(raw))));
    }
    if (plan.edit_revision) {
      for (auto& revision : facts.revisions) {
        if (revision->name != plan.edit_revision->name) continue;
        auto copy = std::make_shared<Revision>(*revision);
        copy->number = plan.edit_revision->number;
        copy->hash_label = plan.edit_revision->hash_label;
        revision = copy;
      }
    }
    for (const auto& key : plan.remove) {
      std::erase_if(facts.revisions, [&](const auto& each) { return each->name == key.name; });
    }
  }
  PodPtr add(const json::object& raw) {
    const json::value value(raw);
    auto pod = std::make_shared<model::Pod>();
    pod->meta.name = find_string(value, {"metadata", "name"});
    pod->meta.ns = "default";
    pod->meta.labels["controller-revision-hash"] =
        find_string(value, {"metadata", "labels", "controller-revision-hash"});
    pod->spec.node_name = find_string(value, {"spec", "nodeName"});
    pod->status.phase = "Pending";
    facts.pods.push_back(pod);
    images[pod->meta.name] = find_string(value.at("spec").at("containers").at(0), {"image"});
    return pod;
  }
  void change(const std::string& name, const std::function<void(model::Pod&)>& edit) {
    for (auto& pod : facts.pods) {
      if (pod->meta.name != name) continue;
      auto copy = std::make_shared<model::Pod>(*pod);
      edit(*copy);
      pod = copy;
    }
  }
  void mark(const std::string& name) {
    change(name, [](model::Pod& pod) { pod.meta.deletion_timestamp = "2026-11-29T10:00:00Z"; });
  }
  void set_ready(const std::string& name, bool ready) {
    change(name, [&](model::Pod& pod) {
      pod.status.phase = "Running";
      pod.status.conditions = {{"Ready", ready ? "True" : "False", "", "", format_rfc3339(facts.now)}};
      pod.status.container_statuses.resize(1);
      pod.status.container_statuses[0].state = model::ContainerStateRunning{};
    });
  }
  void crash(const std::string& name) {
    set_ready(name, false);
    change(name, [&](model::Pod& pod) {
      pod.status.container_statuses[0].state = model::ContainerStateWaiting{"CrashLoopBackOff", ""};
    });
  }
  void bury() {
    std::erase_if(facts.pods, [](const auto& pod) { return pod->meta.deleting(); });
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& pod : facts.pods) all.push_back(pod->meta.name);
    return all;
  }
  static bool is_well(const model::Pod& pod) { return pod.status.ready() && !pod.meta.deleting() && !is_terminal(pod); }

  /// Of two that differ none has the number of the other, and the template as it is has the highest.
  void check_history(const json::object& pod_template, std::int32_t limit) const {
    std::set<std::int64_t> numbers;
    std::int64_t mine = 0;
    for (const auto& each : facts.revisions) {
      EXPECT_TRUE(numbers.insert(each->number).second) << "two revisions are number " << each->number;
      if (each->pod_template() == pod_template) mine = each->number;
    }
    ASSERT_FALSE(numbers.empty());
    EXPECT_EQ(mine, *numbers.rbegin()) << "the newest has the highest number";
    EXPECT_LE(numbers.size(), static_cast<std::size_t>(limit) + 1);
  }

  SetFacts facts;
  std::map<std::string, std::string> images;
};

class StatefulDock : public Dock {
 public:
  explicit StatefulDock(Dice& dice) {
    set.meta.name = "db";
    set.meta.ns = "default";
    set.meta.generation = 1;
    set.replicas = dice.below(6);
    set.selector.match_labels = {{"app", "db"}};
    set.pod_template.raw = template_of("db", "v1");
    if (dice.one_in(3)) set.pod_management_policy = "Parallel";
    if (dice.one_in(4)) set.start_ordinal = 3;
    if (dice.one_in(4)) set.min_ready_seconds = 5;
    set.revision_history_limit = dice.below(4);
    if (dice.one_in(2)) facts.max_unavailable = CountOrShare{1 + dice.below(3), false};
    if (facts.max_unavailable && dice.one_in(3)) facts.max_unavailable = CountOrShare{1 + dice.below(100), true};
    if (dice.one_in(3)) set.meta.annotations[kUpdateOrder] = "Ascending";
    if (dice.one_in(3)) set.meta.annotations[kAutoUndo] = "true";
    set.meta.annotations["berth.io/progress-deadline-seconds"] = "120";
    node_.meta.name = "n1";
    facts.nodes = {&node_};
    facts.now = *parse_rfc3339("2026-11-29T10:00:00Z");
    if (dice.one_in(2)) {
      set.claim_templates.resize(1);
      set.claim_templates[0].meta.name = "data";
      size_claims(1);
    }
  }

  void size_claims(int gigabytes) {
    if (set.claim_templates.empty()) return;
    set.claim_templates[0].raw = {
        {"spec", {{"resources", {{"requests", {{"storage", fmt::format("{}Gi", gigabytes)}}}}}}}};
  }
  void use(const std::string& image) {
    set.pod_template.raw = template_of("db", image);
    ++set.meta.generation;
    undos_ = 0;
  }

  /// One plan, judged and carried out. False: there was nothing to do.
  bool plan() {
    const auto before = facts.pods;
    const auto made = plan_stateful_set(set, current_, facts);
    judge(made, before);
    auto did = made.edit_revision || !made.create.empty() || !made.remove.empty() || !made.grow.empty();
    current_ = std::string(find_string(json::value(made.status), {"currentRevision"}));
    did = did || made.status != facts.status || made.look_again;  // Who waits for a time is not at the end.
    facts.status = made.status;
    keep_revisions(made);
    for (const auto& raw : made.create) {
      const json::value value(raw);
      const auto kind = find_string(value, {"kind"});
      const std::string name(find_string(value, {"metadata", "name"}));
      if (kind == "Pod") add(raw);
      if (kind == "PersistentVolumeClaim") {
        EXPECT_FALSE(facts.claims.contains(name)) << "a claim is made twice";
        facts.claims[name] = {
            *model::Quantity::parse(find_string(value, {"spec", "resources", "requests", "storage"})), true, {}};
      }
    }
    for (const auto& each : made.grow) facts.claims.at(each.claim.name).request = *model::Quantity::parse(each.to);
    for (const auto& key : made.delete_pods) {
      mark(key.name);
      did = true;
    }
    if (made.undo) {
      EXPECT_EQ(++undos_, 1) << "undone again, and nobody wrote a template";
      EXPECT_NE(made.undo->pod_template, set.pod_template.raw);
      set.pod_template.raw = made.undo->pod_template;
      set.meta.annotations[kUndoneTo] = made.undo->to;
      ++set.meta.generation;
      ++all_undos;
      did = true;
    }
    return did;
  }

  void finish() {
    set.partition = 0;
    set.update_strategy = "RollingUpdate";
    for (int i = 0; i < 200; ++i) {
      facts.now += std::chrono::seconds(6);
      bury();
      for (const auto& pod : std::vector(facts.pods)) {
        if (is_terminal(*pod)) continue;
        if (!pod->status.ready()) set_ready(pod->meta.name, true);
      }
      const auto going =
          std::any_of(facts.pods.begin(), facts.pods.end(), [](const auto& p) { return p->meta.deleting(); });
      if (!plan() && !going) return;
    }
    ADD_FAILURE() << "it does not converge";
  }

  void check_end() {
    ASSERT_EQ(facts.pods.size(), static_cast<std::size_t>(set.replicas));
    for (int i = 0; i < set.replicas; ++i) {
      const auto name = fmt::format("db-{}", set.start_ordinal + i);
      EXPECT_EQ(images[name], image_of(set.pod_template.raw)) << name;
      if (!set.claim_templates.empty()) {
        ASSERT_TRUE(facts.claims.contains("data-" + name));
        EXPECT_GE(facts.claims.at("data-" + name).request,
                  *model::Quantity::parse(find_string(json::value(set.claim_templates[0].raw),
                                                      {"spec", "resources", "requests", "storage"})));
      }
    }
    EXPECT_EQ(facts.status.at("currentRevision"), facts.status.at("updateRevision"));
    EXPECT_EQ(facts.status.at("availableReplicas").as_int64(), set.replicas);
    check_history(set.pod_template.raw, set.revision_history_limit);
  }

  model::StatefulSet set;
  int rolled = 0;  ///< Pods that were well, and were replaced.
  int all_undos = 0;

 private:
  bool available(const model::Pod& pod) const {
    std::optional<std::chrono::milliseconds> wait;
    return is_well(pod) && is_available(pod.status, std::chrono::seconds(set.min_ready_seconds), facts.now, wait);
  }
  int ordinal(const std::string& name) const { return *ordinal_of("db", name); }
  bool is_wanted(int number) const { return number >= set.start_ordinal && number < set.start_ordinal + set.replicas; }

  void judge(const SetPlan& made, const std::vector<PodPtr>& before) {
    const auto ordered = set.pod_management_policy == "OrderedReady";
    std::map<int, PodPtr> pods;
    for (const auto& pod : before) EXPECT_TRUE(pods.emplace(ordinal(pod->meta.name), pod).second);
    const auto all_below_are_well = [&](int number) {
      for (int i = set.start_ordinal; i < number; ++i) {
        const auto found = pods.find(i);
        if (found == pods.end() || !available(*found->second)) return false;
      }
      return true;
    };
    const std::string update(find_string(json::value(made.status), {"updateRevision"}));
    int begun = 0;
    for (const auto& raw : made.create) {
      const json::value value(raw);
      if (find_string(value, {"kind"}) != "Pod") continue;
      const auto number = ordinal(std::string(find_string(value, {"metadata", "name"})));
      EXPECT_TRUE(is_wanted(number)) << number;
      EXPECT_FALSE(pods.contains(number)) << "db-" << number << " is made while one of that name is there";
      if (!ordered) continue;
      EXPECT_EQ(++begun, 1) << "two at a time";
      EXPECT_TRUE(all_below_are_well(number)) << "db-" << number << " is made too early";
    }
    int stopped = 0;
    int surplus = 0;
    std::set<int> gone;
    for (const auto& key : made.delete_pods) gone.insert(ordinal(key.name));
    for (const auto number : gone) {
      const auto& pod = *pods.at(number);
      EXPECT_FALSE(pod.meta.deleting());
      if (!is_wanted(number)) {
        ++surplus;
        if (ordered) {
          EXPECT_TRUE(std::none_of(pods.upper_bound(number), pods.end(), [&](const auto& each) {
            return !is_wanted(each.first);
          })) << "not the last goes first";
        }
        continue;
      }
      if (is_terminal(pod)) continue;
      EXPECT_EQ(set.update_strategy, "RollingUpdate");
      EXPECT_GE(number, set.start_ordinal + set.partition) << "below the partition";
      EXPECT_FALSE(is_at(pod, set.meta, update)) << "of the template as it is, and replaced";
      if (available(pod)) ++stopped;
    }
    if (ordered) {
      EXPECT_LE(surplus, 1);
    }
    rolled += stopped;
    if (stopped == 0) return;
    if (ordered) {
      EXPECT_EQ(begun + surplus, 0) << "rolled while it is not whole";
    }
    check_floor(pods, gone, ordered);
    check_update_order(pods, gone, update);
  }

  void check_floor(const std::map<int, PodPtr>& pods, const std::set<int>& gone, bool ordered) const {
    if (!ordered && !facts.max_unavailable) return;  // Parallel waits for those that are new, and not for others.
    int left = 0;
    for (const auto& [number, pod] : pods) {
      if (is_wanted(number) && !gone.contains(number) && available(*pod)) ++left;
    }
    const auto most = facts.max_unavailable ? std::max(facts.max_unavailable->of(set.replicas), 1) : 1;
    EXPECT_GE(left, set.replicas - most) << "below the floor";
  }

  void check_update_order(const std::map<int, PodPtr>& pods, const std::set<int>& gone,
                          const std::string& update) const {
    const auto ascending = set.meta.annotations.contains(kUpdateOrder);
    for (const auto number : gone) {
      if (!is_wanted(number) || !available(*pods.at(number))) continue;
      for (const auto& [other, pod] : pods) {
        const auto earlier = ascending ? other < number : other > number;
        if (!earlier || !is_wanted(other) || other < set.start_ordinal + set.partition || gone.contains(other))
          continue;
        EXPECT_TRUE(is_at(*pod, set.meta, update) || pod->meta.deleting())
            << "db-" << number << " is replaced before db-" << other;
      }
    }
  }

  model::Node node_;
  std::string current_;
  int undos_ = 0;  ///< Since somebody wrote the template.
};

TEST(StatefulSetDays, KeepOrderAndFloorAndEndAsTheyShould) {
  std::uint64_t rolled = 0;
  std::uint64_t undone = 0;
  const auto days = live_days(300, [&](Dice& dice) {
    StatefulDock dock(dice);
    int version = 1;
    int gigabytes = 1;
    for (int i = 0; i < kSteps && !testing::Test::HasFailure(); ++i) {
      dock.facts.now += std::chrono::seconds(dice.below(12));
      const auto names = dock.names();
      const auto any = [&] { return names[static_cast<std::size_t>(dice.below(static_cast<int>(names.size())))]; };
      switch (dice.below(20)) {
        case 0: dock.use(fmt::format("v{}", dice.one_in(2) ? ++version : 1 + dice.below(version))); break;
        case 1:
          if (dice.one_in(2)) dock.set.replicas = dice.below(6);
          break;
        case 2: dock.set.partition = dice.one_in(2) ? 0 : dice.below(6); break;
        case 3:
          if (!names.empty()) dock.mark(any());
          break;
        case 4:
          if (!names.empty()) dice.one_in(2) ? dock.crash(any()) : dock.set_ready(any(), false);
          break;
        case 5:
          if (!names.empty() && dice.one_in(4)) {
            dock.change(any(), [](model::Pod& pod) {
              pod.status = {};
              pod.status.phase = "Failed";
            });
          }
          break;
        case 6: dock.bury(); break;
        case 7:
          if (dice.one_in(6)) dock.set.update_strategy = dice.one_in(2) ? "OnDelete" : "RollingUpdate";
          break;
        case 8:
          if (dice.one_in(4)) dock.size_claims(++gigabytes);
          if (dice.one_in(4)) dock.facts.now += std::chrono::seconds(130);  // A deadline may be over.
          break;
        case 9:
        case 10:
        case 11:
        case 12:
        case 13:
          for (const auto& pod : std::vector(dock.facts.pods)) {
            const auto broken = dice.one_in(5);
            if (!broken && !pod->status.ready() && !is_terminal(*pod)) dock.set_ready(pod->meta.name, true);
          }
          break;
        default: dock.plan(); break;
      }
    }
    if (testing::Test::HasFailure()) return;
    dock.finish();
    if (!testing::Test::HasFailure()) dock.check_end();
    rolled += static_cast<std::uint64_t>(dock.rolled);
    undone += static_cast<std::uint64_t>(dock.all_undos);
  });
  EXPECT_GE(rolled, days / 3) << "the floor was hardly ever asked about";
  EXPECT_GE(undone, days / 60);
}

class DaemonDock : public Dock {
 public:
  explicit DaemonDock(Dice& dice) : dice_(dice), nodes_(static_cast<std::size_t>(1 + dice.below(5))) {
    set.meta.name = "agent";
    set.meta.ns = "default";
    set.meta.uid = "agent-uid";
    set.pod_template.raw = template_of("agent", "v1");
    set.revision_history_limit = dice.below(4);
    facts.now = *parse_rfc3339("2026-11-29T10:00:00Z");
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i].meta.name = fmt::format("n{}", i);
      facts.nodes.push_back(&nodes_[i]);
    }
    if (dice.one_in(2)) {
      facts.rollout = {.max_unavailable = {0, false}, .max_surge = {1 + dice.below(3), false}};
    } else {
      facts.rollout.max_unavailable = {1 + dice.below(3), false};
      if (dice.one_in(3)) facts.rollout.max_unavailable = {1 + dice.below(100), true};
    }
  }
  void use(const std::string& image) { set.pod_template.raw = template_of("agent", image); }
  void taint(bool is) {
    auto& node = nodes_[static_cast<std::size_t>(dice_.below(static_cast<int>(nodes_.size())))];
    node.taints.clear();
    if (is) node.taints = {{"gpu", "yes", "NoSchedule"}};
  }
  void untaint_all() {
    for (auto& node : nodes_) node.taints.clear();
  }

  bool plan() {
    facts.salt = fmt::format("salt-{}", ++salts_);
    const auto made = plan_daemon_set(set, facts);
    judge(made);
    auto did = made.edit_revision || !made.create.empty() || !made.remove.empty() || !made.delete_pods.empty();
    keep_revisions(made);
    for (const auto& raw : made.create) {
      if (find_string(json::value(raw), {"kind"}) == "Pod") add(raw);
    }
    for (const auto& key : made.delete_pods) mark(key.name);
    for (const auto& node : nodes_) {
      std::map<std::string, int> of_template;
      int here = 0;
      for (const auto& pod : facts.pods) {
        if (pod->spec.node_name != node.meta.name || pod->meta.deleting() || is_terminal(*pod)) continue;
        ++here;
        ++of_template[pod->meta.labels.at("controller-revision-hash")];
      }
      EXPECT_LE(here, surges() ? 2 : 1) << "too many on " << node.meta.name;
      for (const auto& [hash, count] : of_template) EXPECT_EQ(count, 1) << "two of one template on " << node.meta.name;
    }
    return did;
  }

  void finish() {
    set.update_strategy = "RollingUpdate";
    untaint_all();
    for (int i = 0; i < 200; ++i) {
      bury();
      for (const auto& pod : std::vector(facts.pods)) {
        if (!is_terminal(*pod)) set_ready(pod->meta.name, true);
      }
      const auto going =
          std::any_of(facts.pods.begin(), facts.pods.end(), [](const auto& p) { return p->meta.deleting(); });
      if (!plan() && !going) return;
    }
    ADD_FAILURE() << "it does not converge";
  }
  void check_end() const {
    EXPECT_EQ(facts.pods.size(), nodes_.size());
    for (const auto& pod : facts.pods) EXPECT_EQ(images.at(pod->meta.name), image_of(set.pod_template.raw));
    check_history(set.pod_template.raw, set.revision_history_limit);
  }

  model::DaemonSet set;
  int rolled = 0;

 private:
  bool surges() const { return set.update_strategy == "RollingUpdate" && facts.rollout.max_surge.number > 0; }

  /// Nodes that want one and have none that is well.
  int unavailable(const std::set<std::string>& without) const {
    int count = 0;
    for (const auto& node : nodes_) {
      if (!node.taints.empty()) continue;
      const auto served = std::any_of(facts.pods.begin(), facts.pods.end(), [&](const auto& pod) {
        return pod->spec.node_name == node.meta.name && is_well(*pod) && !without.contains(pod->meta.name);
      });
      if (!served) ++count;
    }
    return count;
  }

  void judge(const SetPlan& made) {
    std::set<std::string> gone;
    for (const auto& key : made.delete_pods) gone.insert(key.name);
    const auto before = unavailable({});
    const auto after = unavailable(gone);
    if (after == before) return;
    EXPECT_EQ(set.update_strategy, "RollingUpdate");
    EXPECT_FALSE(surges()) << "one that is well goes before its successor is";
    const auto wanted =
        std::count_if(nodes_.begin(), nodes_.end(), [](const auto& node) { return node.taints.empty(); });
    EXPECT_LE(after, facts.rollout.max_unavailable.of(static_cast<std::int32_t>(wanted))) << "below the floor";
    rolled += after - before;
  }

  Dice& dice_;
  std::vector<model::Node> nodes_;
  int salts_ = 0;
};

TEST(DaemonSetDays, EachNodeHasItsOwnAndTheFloorIsKept) {
  std::uint64_t rolled = 0;
  const auto days = live_days(300, [&](Dice& dice) {
    DaemonDock dock(dice);
    int version = 1;
    for (int i = 0; i < kSteps && !testing::Test::HasFailure(); ++i) {
      const auto names = dock.names();
      const auto any = [&] { return names[static_cast<std::size_t>(dice.below(static_cast<int>(names.size())))]; };
      switch (dice.below(17)) {
        case 0: dock.use(fmt::format("v{}", dice.one_in(2) ? ++version : 1 + dice.below(version))); break;
        case 1:
          if (!names.empty()) dock.mark(any());
          break;
        case 2:
          if (!names.empty()) dock.set_ready(any(), false);
          break;
        case 3:
          if (!names.empty() && dice.one_in(4))
            dock.change(any(), [](model::Pod& pod) {
              pod.status = {};
              pod.status.phase = "Failed";
            });
          break;
        case 4: dock.bury(); break;
        case 5:
          if (dice.one_in(6)) dock.set.update_strategy = dice.one_in(2) ? "OnDelete" : "RollingUpdate";
          break;
        case 6:
          if (dice.one_in(3)) dock.taint(dice.one_in(2));
          break;
        case 7:
        case 8:
        case 9:
        case 10:
          for (const auto& pod : std::vector(dock.facts.pods)) {
            if (!dice.one_in(5) && !pod->status.ready() && !is_terminal(*pod)) dock.set_ready(pod->meta.name, true);
          }
          break;
        default: dock.plan(); break;
      }
    }
    if (testing::Test::HasFailure()) return;
    dock.finish();
    if (!testing::Test::HasFailure()) dock.check_end();
    rolled += static_cast<std::uint64_t>(dock.rolled);
  });
  EXPECT_GE(rolled, days / 3) << "the floor was hardly ever asked about";
}

}  // namespace
}  // namespace berth::agent
