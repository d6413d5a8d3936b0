// tests/agent/node_filters_test.cpp - pods among each other: affinity, spread and what is better, judged beside the
// rules written down a second time, without any index, on hundreds of random small clusters.
#include "agent/placing/node_filters.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>

#include "agent/placing/node_choice.hpp"
#include "agent/placing/node_scores.hpp"
#include "model/selector.hpp"

namespace berth::agent {
namespace {

using model::Kind;

model::ObjectPtr object_of(const std::string& text) {
  auto raw = parse_json(text);
  EXPECT_TRUE(raw) << text;
  auto object = model::make_object(raw->get_object());
  EXPECT_TRUE(object) << text;
  return std::make_shared<const model::Object>(*std::move(object));
}

/// A cluster by hand: what is put is seen by the cache and, once it has a node, counted.
class Cluster {
 public:
  void put_namespace(const std::string& name, const std::string& labels = "{}") {
    apply(fmt::format(R"({{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{}","labels":{}}}}})", name,
                      labels));
  }
  void put_node(const std::string& name, const std::string& labels, const std::string& spec = "{}") {
    apply(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}","labels":{}}},"spec":{}}})", name,
                      labels, spec));
    places.put_node(cache.nodes().at({"", name}), {});
  }
  /// Not placed yet.
  const Tenant& make(const std::string& name, const std::string& labels, const std::string& spec = "",
                     const std::string& ns = "default", const std::string& set = "") {
    const auto object = object_of(fmt::format(
        R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{0}","namespace":"{1}","uid":"{1}-{0}","labels":{2}}},
        "spec":{{"containers":[{{"name":"c","image":"x"}}]{3}}}}})",
        name, ns, labels, spec));
    cache.apply({.type = store::ChangeType::Added, .object = object, .previous = nullptr});
    Tenant tenant;
    tenant.name = {ns, name};
    tenant.uid = object->meta.uid;
    tenant.set = set;
    tenant.wishes = std::make_shared<const model::PodWishes>(model::pod_wishes(object->raw));
    tenants.push_back(std::move(tenant));
    return tenants.back();
  }
  void put(const Tenant& tenant, const std::string& node) { places.put(tenant, cache.pod(tenant.name), node); }

  NodeChoice choose(const Tenant& tenant) const {
    std::vector<NodeView> views;
    for (const auto& [name, host] : places.hosts()) views.push_back({.host = &host, .why_not = {}, .ahead = {}});
    return choose(tenant, std::move(views));
  }
  NodeChoice choose(const Tenant& tenant, std::vector<NodeView> views) const {
    const auto pod = cache.pod(tenant.name);
    for (auto& view : views) view.why_not = is_silent(*view.host->node) ? "node(s) were silent" : "";
    auto choice = choose_node({tenant, *pod}, views, places);
    choice.full.clear();  // They are ours.
    return choice;
  }
  /// Chooses and puts; what it was told where there is no node.
  std::string place(const Tenant& tenant) {
    const auto choice = choose(tenant);
    if (choice.node.empty()) return choice.why;
    put(tenant, choice.node);
    return choice.node;
  }

  ObjectCache cache;
  PodPlaces places{cache};
  std::deque<Tenant> tenants;

 private:
  void apply(const std::string& text) {
    cache.apply({.type = store::ChangeType::Added, .object = object_of(text), .previous = nullptr});
  }
};

std::string term(const std::string& app, const std::string& key) {
  return fmt::format(R"({{"labelSelector":{{"matchLabels":{{"app":"{}"}}}},"topologyKey":"{}"}})", app, key);
}
std::string affinity(const std::string& kind, const std::string& terms) {
  return fmt::format(R"(,"affinity":{{"{}":{{"requiredDuringSchedulingIgnoredDuringExecution":[{}]}}}})", kind, terms);
}

/// ship-1 and ship-2 in zone a, ship-3 in zone b.
Cluster& three_ships(Cluster& cluster) {
  cluster.put_namespace("default", R"({"team":"blue"})");
  cluster.put_namespace("other", R"({"team":"red"})");
  const char* zones[] = {"a", "a", "b"};
  for (int i = 1; i <= 3; ++i) {
    cluster.put_node(
        fmt::format("ship-{}", i),
        fmt::format(R"({{"kubernetes.io/hostname":"ship-{}","topology.kubernetes.io/zone":"{}"}})", i, zones[i - 1]));
  }
  return cluster;
}

constexpr const char* kHost = "kubernetes.io/hostname";
constexpr const char* kZone = "topology.kubernetes.io/zone";

TEST(NodeFilters, PodsThatAreToBeApartAreAndOneTooManyIsTold) {
  Cluster cluster;
  three_ships(cluster);
  const auto apart = affinity("podAntiAffinity", term("db", kZone));
  std::set<std::string> nodes;
  for (const auto* name : {"db-0", "db-1"}) nodes.insert(cluster.place(cluster.make(name, R"({"app":"db"})", apart)));
  EXPECT_TRUE(nodes.contains("ship-3"));
  EXPECT_EQ(nodes.size(), 2U);
  EXPECT_EQ(cluster.place(cluster.make("db-2", R"({"app":"db"})", apart)),
            "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.");
  EXPECT_EQ(cluster.place(cluster.make("db-3", R"({"app":"db"})")),
            "0/3 nodes are available: 3 node(s) didn't satisfy existing pods anti-affinity rules.");
}

TEST(NodeFilters, ATermTakesPodsOfItsNamespacesOnly) {
  Cluster cluster;
  three_ships(cluster);
  cluster.put(cluster.make("web", R"({"app":"web"})", "", "other"), "ship-3");
  const auto near = [](const std::string& more) {
    return affinity("podAffinity",
                    R"({"labelSelector":{"matchExpressions":[{"key":"app","operator":"In","values":["web"]}]},)"
                    R"("topologyKey":"kubernetes.io/hostname")" +
                        more + "}");
  };
  EXPECT_EQ(cluster.place(cluster.make("a", "{}", near(""))),
            "0/3 nodes are available: 3 node(s) didn't match pod affinity rules.");
  EXPECT_EQ(cluster.place(cluster.make("b", "{}", near(R"(,"namespaces":["other"])"))), "ship-3");
  EXPECT_EQ(cluster.place(cluster.make("c", "{}", near(R"(,"namespaceSelector":{"matchLabels":{"team":"red"}})"))),
            "ship-3");
  EXPECT_EQ(cluster.place(cluster.make("d", "{}", near(R"(,"namespaceSelector":{})"))), "ship-3") << "all of them";
  EXPECT_EQ(cluster.place(cluster.make("e", "{}", near(R"(,"namespaceSelector":{"matchLabels":{"team":"blue"}})"))),
            "0/3 nodes are available: 3 node(s) didn't match pod affinity rules.");
}

TEST(NodeFilters, TheFirstOfPodsThatWantToBeTogetherIsNearToItself) {
  Cluster cluster;
  three_ships(cluster);
  const auto near = affinity("podAffinity", term("web", kZone));
  const auto first = cluster.place(cluster.make("web-0", R"({"app":"web"})", near));
  EXPECT_EQ(first, "ship-1");
  EXPECT_EQ(cluster.place(cluster.make("lone", R"({"app":"lone"})", affinity("podAffinity", term("none", kZone)))),
            "0/3 nodes are available: 3 node(s) didn't match pod affinity rules.");
  for (const auto* name : {"web-1", "web-2"}) {
    EXPECT_NE(cluster.place(cluster.make(name, R"({"app":"web"})", near)), "ship-3") << "another zone";
  }
}

TEST(NodeFilters, MatchLabelKeysCountPodsOfTheSameRevision) {
  Cluster cluster;
  three_ships(cluster);
  const std::string spread =
      R"(,"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"topology.kubernetes.io/zone",)"
      R"("whenUnsatisfiable":"DoNotSchedule","labelSelector":{"matchLabels":{"app":"web"}},"matchLabelKeys":["rev"]}])";
  cluster.put(cluster.make("old-0", R"({"app":"web","rev":"1"})"), "ship-3");
  cluster.put(cluster.make("old-1", R"({"app":"web","rev":"1"})"), "ship-3");
  cluster.put(cluster.make("new-0", R"({"app":"web","rev":"2"})"), "ship-1");
  EXPECT_EQ(cluster.place(cluster.make("new-1", R"({"app":"web","rev":"2"})", spread)), "ship-3");
}

TEST(NodeFilters, SpreadSaysWhichLabelIsMissingAndWhatDoesNotFit) {
  Cluster cluster;
  three_ships(cluster);
  cluster.put_node("ship-4", "{}");
  const std::string spread =
      R"(,"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"topology.kubernetes.io/zone",)"
      R"("whenUnsatisfiable":"DoNotSchedule","minDomains":3,"labelSelector":{"matchLabels":{"app":"web"}}}])";
  EXPECT_EQ(cluster.place(cluster.make("web-0", R"({"app":"web"})", spread)), "ship-1");
  EXPECT_EQ(cluster.place(cluster.make("web-1", R"({"app":"web"})", spread)), "ship-3");
  EXPECT_EQ(cluster.place(cluster.make("web-2", R"({"app":"web"})", spread)),
            "0/4 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label), "
            "3 node(s) didn't match pod topology spread constraints.")
      << "of three zones that there must be one is not";
}

TEST(NodeFilters, ASilentNodeIsNoPlaceToSpreadToAndItsPodsKeepOthersAway) {
  Cluster cluster;
  three_ships(cluster);
  const auto apart = affinity("podAntiAffinity", term("db", kZone));
  cluster.put(cluster.make("db-0", R"({"app":"db"})", apart), "ship-3");
  cluster.put_node("ship-3", R"({"kubernetes.io/hostname":"ship-3","topology.kubernetes.io/zone":"b"})",
                   R"({"taints":[{"key":"node.kubernetes.io/unreachable","effect":"NoExecute"}]})");
  cluster.put_node("ship-5", R"({"kubernetes.io/hostname":"ship-5","topology.kubernetes.io/zone":"b"})");
  EXPECT_EQ(cluster.place(cluster.make("db-1", R"({"app":"db"})", apart)), "ship-1") << "db-0 may run in b";
  EXPECT_EQ(cluster.place(cluster.make("db-2", R"({"app":"db"})", apart)).substr(0, 3), "0/4");
  const std::string spread = R"(,"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"kubernetes.io/hostname",)"
                             R"("whenUnsatisfiable":"DoNotSchedule","labelSelector":{"matchLabels":{"app":"web"}}}])";
  std::set<std::string> nodes;
  for (int i = 0; i < 6; ++i) {
    nodes.insert(cluster.place(cluster.make(fmt::format("web-{}", i), R"({"app":"web"})", spread)));
  }
  EXPECT_EQ(nodes, (std::set<std::string>{"ship-1", "ship-2", "ship-5"})) << "none at ship-3 does not hold up the rest";
}

TEST(NodeScores, ASetIsSpreadOverZonesAndHosts) {
  Cluster cluster;
  three_ships(cluster);
  std::map<std::string, int> counts;
  for (int i = 0; i < 4; ++i) {
    ++counts[cluster.place(cluster.make(fmt::format("web-{}", i), "{}", "", "default", "set"))];
  }
  EXPECT_EQ(counts, (std::map<std::string, int>{{"ship-1", 1}, {"ship-2", 1}, {"ship-3", 2}}));
}

TEST(NodeScores, WhatIsPreferredIsWeighed) {
  Cluster cluster;
  three_ships(cluster);
  cluster.put(cluster.make("cache", R"({"app":"cache"})"), "ship-2");
  const auto prefer = [](const std::string& kind, int weight) {
    return fmt::format(
        R"("{}":{{"preferredDuringSchedulingIgnoredDuringExecution":[{{"weight":{},"podAffinityTerm":{}}}]}})", kind,
        weight, term("cache", kHost));
  };
  const auto node_wish =
      R"("nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":5,"preference":{
      "matchExpressions":[{"key":"topology.kubernetes.io/zone","operator":"In","values":["b"]}]}}]})";
  const auto with = [](const std::string& wishes) { return ",\"affinity\":{" + wishes + "}"; };
  EXPECT_EQ(cluster.place(cluster.make("a", "{}", with(prefer("podAffinity", 10)))), "ship-2");
  EXPECT_EQ(cluster.place(cluster.make("b", "{}", with(prefer("podAntiAffinity", 10)))), "ship-1");
  EXPECT_EQ(cluster.place(cluster.make("c", "{}", with(node_wish))), "ship-3");
  cluster.put_node("ship-1", R"({"kubernetes.io/hostname":"ship-1"})",
                   R"({"taints":[{"key":"slow","effect":"PreferNoSchedule"}]})");
  EXPECT_EQ(cluster.place(cluster.make("d", "{}", with(prefer("podAntiAffinity", 10)))), "ship-3");
}

TEST(NodeScores, AConstraintThatIsNoRuleIsFollowedWhereItCanBe) {
  Cluster cluster;
  three_ships(cluster);
  const std::string spread =
      R"(,"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"topology.kubernetes.io/zone",)"
      R"("whenUnsatisfiable":"ScheduleAnyway","labelSelector":{"matchLabels":{"app":"web"}}}])";
  cluster.put(cluster.make("web-0", R"({"app":"web"})"), "ship-1");
  EXPECT_EQ(cluster.place(cluster.make("web-1", R"({"app":"web"})", spread)), "ship-3");
  EXPECT_EQ(
      cluster.place(cluster.make("other", R"({"app":"web"})", spread + R"(,"nodeSelector":{"x":"y"})")).substr(0, 4),
      "ship")
      << "where nothing is counted nothing is spread";
}

// --- The same rules, once more and simply ---------------------------------------------------------------------------

struct Plain {
  const Cluster& cluster;
  std::map<std::string, std::string> where;  ///< Pod, node; all of namespace default.

  model::PodWishes wishes(const std::string& pod) const {
    for (const auto& tenant : cluster.tenants) {
      if (tenant.name.second == pod) return *tenant.wishes;
    }
    return {};
  }
  const model::Node& node(const std::string& name) const { return *cluster.cache.nodes().at({"", name}); }
  std::string value(const std::string& name, const std::string& key) const {
    const auto& labels = node(name).meta.labels;
    return labels.contains(key) ? labels.at(key) : std::string();
  }
  bool takes(const model::PodTerm& term, const std::string& pod) const {
    return model::matches(term.selector, cluster.cache.pod({"default", pod})->meta.labels);
  }
  bool shares(const std::string& key, const std::string& one, const std::string& other) const {
    return !value(one, key).empty() && value(one, key) == value(other, key);
  }

  bool allows(const std::string& pod, const std::string& to) const {
    const auto mine = wishes(pod);
    for (const auto& [other, at] : where) {
      for (const auto& term : mine.apart) {
        if (takes(term, other) && shares(term.topology_key, at, to)) return false;
      }
      for (const auto& term : wishes(other).apart) {
        if (takes(term, pod) && shares(term.topology_key, at, to)) return false;
      }
    }
    return is_near(mine.near, pod, to) && std::all_of(mine.spread.begin(), mine.spread.end(), [&](const auto& each) {
             return !each.is_required || is_even(mine.spread, each, pod, to);
           });
  }
  bool is_near(const std::vector<model::PodTerm>& near, const std::string& pod, const std::string& to) const {
    const auto all = [&](const std::string& other) {
      return std::all_of(near.begin(), near.end(), [&](const auto& term) { return takes(term, other); });
    };
    bool anywhere = false;
    for (const auto& [other, at] : where) {
      for (const auto& term : near) anywhere = anywhere || (all(other) && !value(at, term.topology_key).empty());
    }
    return std::all_of(near.begin(), near.end(), [&](const auto& term) {
      if (value(to, term.topology_key).empty()) return false;
      if (!anywhere && all(pod)) return true;
      return std::any_of(where.begin(), where.end(), [&](const auto& other) {
        return all(other.first) && shares(term.topology_key, other.second, to);
      });
    });
  }
  bool is_even(const std::vector<model::SpreadConstraint>& all, const model::SpreadConstraint& one,
               const std::string& pod, const std::string& to) const {
    if (value(to, one.topology_key).empty()) return false;
    std::map<std::string, std::int64_t> domains;
    for (const auto& [name, host] : cluster.places.hosts()) {
      const auto has_all = std::all_of(all.begin(), all.end(), [&, node_name = name](const auto& each) {
        return !each.is_required || !value(node_name, each.topology_key).empty();
      });
      if (!has_all) continue;
      auto& count = domains[value(name, one.topology_key)];
      for (const auto& [other, at] : where) {
        count += at == name && model::matches(one.selector, cluster.cache.pod({"default", other})->meta.labels) ? 1 : 0;
      }
    }
    std::int64_t fewest = domains.empty() ? 0 : INT64_MAX;
    for (const auto& [domain, count] : domains) fewest = std::min(fewest, count);
    if (static_cast<std::int64_t>(domains.size()) < one.min_domains) fewest = 0;
    const auto itself = model::matches(one.selector, cluster.cache.pod({"default", pod})->meta.labels) ? 1 : 0;
    const auto there = domains.contains(value(to, one.topology_key)) ? domains[value(to, one.topology_key)] : 0;
    return there + itself - fewest <= one.max_skew;
  }
};

TEST(NodeFilters, OnRandomClustersTheAnswerIsThatOfThePlainRulesInAnyOrder) {
  std::mt19937 random(17);
  std::map<std::string, int> seen;
  for (int round = 0; round < 400; ++round) {
    const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    const auto key = [&] { return pick(0, 1) == 0 ? kHost : kZone; };
    const auto app = [&] { return std::string(1, static_cast<char>('a' + pick(0, 2))); };
    Cluster cluster;
    cluster.put_namespace("default");
    const auto nodes = pick(1, 5);
    for (int i = 0; i < nodes; ++i) {
      std::string labels = fmt::format(R"("kubernetes.io/hostname":"n{}")", i);
      if (pick(0, 4) != 0) labels += fmt::format(R"(,"topology.kubernetes.io/zone":"z{}")", pick(0, 2));
      cluster.put_node(fmt::format("n{}", i), "{" + labels + "}");
    }
    Plain plain{cluster, {}};
    for (int i = 0; i < 10; ++i) {
      std::string spec;
      switch (pick(0, 4)) {
        case 0: spec = affinity("podAntiAffinity", term(app(), key())); break;
        case 1: spec = affinity("podAffinity", term(app(), key())); break;
        case 2: spec = affinity("podAffinity", term(app(), kHost) + "," + term(app(), kZone)); break;
        case 3:
          spec = fmt::format(
              R"(,"topologySpreadConstraints":[{{"maxSkew":{},"topologyKey":"{}","whenUnsatisfiable":"DoNotSchedule",
              "minDomains":{},"labelSelector":{{"matchLabels":{{"app":"{}"}}}}}},{{"maxSkew":2,"topologyKey":"{}",
              "whenUnsatisfiable":"DoNotSchedule","labelSelector":{{"matchLabels":{{"app":"{}"}}}}}}])",
              pick(1, 2), key(), pick(1, 3), app(), key(), app());
          break;
        default: break;
      }
      const auto name = fmt::format("p{}", i);
      const auto& tenant = cluster.make(name, fmt::format(R"({{"app":"{}"}})", app()), spec);
      const auto choice = cluster.choose(tenant);
      std::vector<NodeView> views;
      bool any = false;
      for (const auto& [node, host] : cluster.places.hosts()) {
        any = any || plain.allows(name, node);
        views.push_back({.host = &host, .why_not = {}, .ahead = {}});
      }
      EXPECT_EQ(!choice.node.empty(), any) << round << " " << spec << choice.why;
      std::shuffle(views.begin(), views.end(), random);
      const auto again = cluster.choose(tenant, views);
      EXPECT_EQ(again.node, choice.node);
      EXPECT_EQ(again.why, choice.why);
      ++seen[any ? "placed" : "none"];
      if (choice.node.empty()) continue;
      EXPECT_TRUE(plain.allows(name, choice.node)) << round << " " << spec << " " << choice.node;
      cluster.put(tenant, choice.node);
      plain.where[name] = choice.node;
      if (pick(0, 5) == 0) {  // Somebody leaves.
        const auto gone = plain.where.begin()->first;
        cluster.places.drop({"default", gone});
        plain.where.erase(gone);
      }
    }
  }
  EXPECT_GT(seen["placed"], 500);
  EXPECT_GT(seen["none"], 300);
}

}  // namespace
}  // namespace berth::agent
