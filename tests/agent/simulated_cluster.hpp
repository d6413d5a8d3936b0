// tests/agent/simulated_cluster.hpp - hosts, their sessions, pods and planners on one modelled etcd; on virtual time.
// What is real: the planners (ControllerRunner, sets, placement, silence), their caches, and how they follow and write.
// What is modelled: etcd, the hosts' power, clocks and connections, and the pods, which take their time to start and to
// end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "model/model.hpp"
#include "tests/fakes/far_etcd.hpp"

namespace berth::agent {

/// What one run is made of. The same gives the same run.
struct ClusterShape {
  std::uint64_t seed = 1;
  int hosts = 8;
  int planners = 4;  ///< So many of them plan; the others hold sessions and pods only.
  int stateful_sets = 2;
  int deployments = 2;
  int daemon_sets = 1;
  int replicas = 5;         ///< Of each set.
  int actions = 40;         ///< What users, hosts and the network do, before all is well again.
  std::uint64_t steps = 0;  ///< More actions until there were so many of them.
  // Faults that may happen.
  bool cuts = true;     ///< A host is cut off.
  bool power = true;    ///< A host loses its power; a person may say that it does not come back for now.
  bool agents = true;   ///< An agent ends, and its pods run on.
  bool stalls = true;   ///< A watch is late.
  bool lost = true;     ///< Answers are lost, connections break.
  bool users = true;    ///< Pods are deleted, sets scaled and changed, nodes cordoned.
  bool fencing = true;  ///< Every other StatefulSet asks for it, and all hosts have fences.
  /// When a fence kills, by its host's clock, after the last keepalive that was answered was sent. In time: 11 s.
  std::chrono::seconds fence{11};
};

std::string show(const ClusterShape& shape);

class Planner;

class SimulatedCluster {
 public:
  using Micros = std::chrono::microseconds;

  explicit SimulatedCluster(const ClusterShape& shape);
  ~SimulatedCluster();
  SimulatedCluster(const SimulatedCluster&) = delete;
  SimulatedCluster& operator=(const SimulatedCluster&) = delete;

  /// Lives through all of it. What was broken first, and what had happened before; empty: all is as it must be.
  std::string run();
  std::uint64_t steps() const { return steps_; }
  std::size_t pods() const { return etcd_.truth(model::Kind::Pod).size(); }
  Micros lasted() const { return etcd_.now(); }

 private:
  using Key = model::ObjectKey;
  struct Held;
  struct Host;

  // Time.
  bool step(Micros until);
  void run_for(Micros span);
  int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
  bool one_in(int chances) { return below(chances) == 0; }
  Micros within(std::chrono::milliseconds longest) { return Micros{below(static_cast<int>(longest.count())) * 1000}; }
  /// Runs on the host's agent, if that is still the same by then.
  void on_host(Host& host, Micros delay, std::function<void()> what);

  // What people do.
  void put(const std::string& text);
  void edit(const Key& key, const std::function<void(json::object&)>& change);
  void make_sets();
  void act();
  void act_as_user();
  void heal();
  bool converges();

  // Hosts.
  void begin_agent(Host& host);
  void end_agent(Host& host);
  void power(Host& host, bool on);
  void cut(Host& host, bool on);
  void open_session(Host& host);
  void keep_session(Host& host);
  void answered(Host& host, Micros sent);
  void arm(Host& host);
  void look_at_all(Host& host);
  /// The host asks for a write; it arrives if the host is not cut off by then. `then` comes with the answer.
  void ask(Host& host, std::function<void()> what, std::function<void()> then = {});
  void see(Host& host, const model::ObjectPtr& pod);
  void see_gone(Host& host, const std::string& uid);
  void start(Host& host, const std::string& uid);
  void stop(Host& host, const std::string& uid);
  void say_ready(Host& host, const std::string& uid, bool ready);
  void kill_fenced(Host& host);

  // Invariants.
  void enter(Host& host, Held& held);
  void leave(Held& held);
  void look(const store::Change& change);
  void look_at_pod(const store::Change& change);
  void look_at_new_pod(const model::Pod& pod);
  void fail(const std::string& what);
  std::string at_rest() const;

  const ClusterShape shape_;
  std::mt19937_64 random_;
  store::FarEtcd etcd_;
  Loop loop_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::map<std::string, Host*> by_name_;
  std::set<std::string> planning_;                                              ///< Hosts that plan.
  std::map<std::string, std::set<std::pair<std::string, std::string>>> bound_;  ///< By node: its pods, in truth.
  std::string failure_;
  std::vector<std::string> history_;
  std::uint64_t steps_ = 0;

  std::map<std::string, std::pair<std::string, std::string>> running_;  ///< By identity: host, uid.
  std::map<Key, Micros> unready_since_;                                 ///< Pods that are there no more, or not ready.
  std::set<Key> was_ready_;
  std::set<std::string> names_;                                        ///< Of pods that have no identity.
  std::map<std::string, std::map<std::string, bool>> made_;            ///< By owner's uid: its pods; do they count?
  std::map<std::string, std::map<std::string, std::string>> daemons_;  ///< By owner's uid and node: the pod.
  std::map<std::string, std::pair<std::int64_t, Micros>> wished_;      ///< By ReplicaSet's uid: more, and until when.
  std::map<std::string, Micros> cordoned_;                             ///< Nodes, since when.
};

}  // namespace berth::agent
