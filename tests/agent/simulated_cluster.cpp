// tests/agent/simulated_cluster.cpp - see simulated_cluster.hpp.
#include "tests/agent/simulated_cluster.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/control/controller_runner.hpp"
#include "agent/node/silence_controller.hpp"
#include "agent/objects/cache_feed.hpp"
#include "agent/objects/live_nodes.hpp"
#include "agent/objects/pod_facts.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/placing/placement.hpp"
#include "agent/sets/deployment_controller.hpp"
#include "agent/sets/replica_controller.hpp"
#include "agent/sets/set_controller.hpp"
#include "base/random.hpp"
#include "model/deletion.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kTtl{15};
constexpr seconds kStall{5};
/// How old what a planner acts on may be: a watch that is late, and a write that arrives when its sender has given up.
constexpr seconds kLag{20};
constexpr std::size_t kHistory = 60;
constexpr std::string_view kOutOfService = "node.kubernetes.io/out-of-service";
constexpr std::string_view kFencing = "berth.io/fencing";
constexpr std::string_view kFailover = "berth.io/failover";

/// The chance that a connection breaks with what it delivers. All is read anew then: where much is delivered a
/// connection breaks no more often than elsewhere.
double broken(const ClusterShape& shape) {
  const auto pods = (shape.stateful_sets + shape.deployments) * shape.replicas + shape.daemon_sets * shape.hosts;
  return 0.001 * std::min(1.0, 1000.0 / std::max(1, pods));
}

store::FarEtcdOptions faults(const ClusterShape& shape) {
  const auto much = shape.lost ? 1.0 : 0.0;
  return {.seed = shape.seed,
          .ttl = kTtl,
          .aborted = 0.02 * much,
          .unavailable = 0.01 * much,
          .lost_answer = 0.01 * much,
          .broken = broken(shape) * much};
}

std::string identity_of(const model::ObjectKey& key) { return key.ns + "/" + key.name; }

/// -1: its name has none.
int ordinal_of(const model::Pod& pod) {
  const auto* set = pod.meta.controller();
  if (set == nullptr || set->kind != "StatefulSet") return -1;
  return std::stoi(pod.meta.name.substr(pod.meta.name.rfind('-') + 1));
}

bool is_fenced(const model::Pod& pod) { return pod.meta.annotations.contains(std::string(kFailover)); }

bool is_ready(const model::ObjectPtr& object) {
  if (!object || object->meta.deleting()) return false;
  const auto pod = model::decode_pod(*object);
  return pod && pod->status.ready();
}

}  // namespace

std::string show(const ClusterShape& shape) {
  std::string faults;
  for (const auto& [on, name] :
       {std::pair(shape.cuts, "cuts"), std::pair(shape.power, "power"), std::pair(shape.agents, "agents"),
        std::pair(shape.stalls, "stalls"), std::pair(shape.lost, "lost"), std::pair(shape.users, "users"),
        std::pair(shape.fencing, "fencing")}) {
    if (on) faults += std::string(" ") + name;
  }
  return fmt::format(
      "seed {}: {} hosts, {} of them planners, {} StatefulSets, {} Deployments, {} DaemonSets, {} replicas, {} actions,"
      "{}",
      shape.seed, shape.hosts, shape.planners, shape.stateful_sets, shape.deployments, shape.daemon_sets,
      shape.replicas, shape.actions, faults);
}

/// One host's agent as far as it plans, wired as agent/agent.cpp does it. Only planners are wardens, so that hosts that
/// do not plan leave no key without one.
class Planner {
 public:
  Planner(const std::string& name, const std::set<std::string>& all, Loop& loop, store::FarEtcd& etcd)
      : live_(name, LiveNodes::Store::Shared),
        wardens_(name, LiveNodes::Store::Shared),
        view(etcd.connect()),
        loop_(loop),
        writer_(loop, *view, etcd.clock()),
        silence_(etcd.clock(), cache_, *view, live_, /*shared=*/true),
        placement_(
            etcd.clock(), *view, cache_, [](auto&&...) {}, live_),
        sets_(etcd.clock(), cache_, *view, live_, /*shared=*/true),
        replicas_(etcd.clock(), cache_, *view, /*shared=*/true),
        deployments_(etcd.clock(), cache_, *view),
        runner({.loop = loop,
                .clock = etcd.clock(),
                .writer = writer_,
                .events = [](auto&&...) {},
                .is_mine = [this](const model::ObjectKey& key) { return wardens_.is_warden_of(key.display()); }}),
        feed_(loop, *view, cache_,
              {.on_snapshot =
                   [this](const std::vector<PodPtr>&) {
                     silence_.on_snapshot();
                     placement_.on_snapshot();
                     runner.wake_all();
                   },
               .on_change = [this](const store::Change& change) { runner.on_change(change); }}) {
    auto placement = placement_.row([this](const auto&) { return wardens_.is_warden_of("placement"); });
    for (auto& row : {std::move(placement), silence_.row(), sets_.row(), replicas_.row(), deployments_.row()}) {
      runner.add(row);
    }
    feed_.begin();
    holders_ = view->follow_holders([this, &all](const store::Holders& now) {
      loop_.post([this, &all, alive = alive_, now] {
        if (*alive) take(all, now);
      });
    });
  }
  ~Planner() {
    *alive_ = false;
    holders_.reset();
    feed_.end();
  }
  Planner(const Planner&) = delete;
  Planner& operator=(const Planner&) = delete;

  void give_up_waiting() {
    writer_.give_up_waiting();
    runner.give_up_waiting();
  }

 private:
  void take(const std::set<std::string>& all, const store::Holders& now) {
    store::Holders planning;
    for (const auto& [name, holder] : now) {
      if (all.contains(holder.node)) planning.emplace(name, holder);
    }
    wardens_.take(planning);
    if (!live_.take(now)) return;
    silence_.on_nodes();
    placement_.on_nodes();
    runner.wake_all();
  }

  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  LiveNodes live_;
  LiveNodes wardens_;

 public:
  const std::unique_ptr<store::FarEtcd::View> view;

 private:
  Loop& loop_;
  ObjectCache cache_;
  StoreWriter writer_;
  SilenceController silence_;
  Placement placement_;
  SetController sets_;
  ReplicaController replicas_;
  DeploymentController deployments_;

 public:
  ControllerRunner runner;

 private:
  CacheFeed feed_;
  std::unique_ptr<store::Watch> holders_;
};

/// A pod of which a host has something.
struct SimulatedCluster::Held {
  model::ObjectKey key{};
  std::string uid{};
  bool fenced = false;
  bool begun = false;    ///< Its container is to be started.
  bool running = false;  ///< It runs.
  bool stopping = false;
  bool gone = false;       ///< It has no object.
  std::uint64_t life = 0;  ///< Of the agent that began it.
};

struct SimulatedCluster::Host {
  std::string name;
  bool plans = false;
  double drift = 1.0;  ///< How long a second of its clock takes.
  bool on = true;
  bool agent = false;
  bool is_cut = false;
  bool lost = false;       ///< A person said that it is out of service.
  std::uint64_t life = 0;  ///< Of its agent: what an earlier one had to do is not done.
  std::uint64_t connection = 0;
  store::FarEtcd::Token token = 0;
  Micros heard{-1};    ///< When the last keepalive that was answered was sent.
  bool armed = false;  ///< Its Node says so, and its session holds.
  Micros down{0};
  std::map<std::string, Held> pods;  ///< By uid.
  std::unique_ptr<Planner> planner;
};

SimulatedCluster::SimulatedCluster(const ClusterShape& shape)
    : shape_(shape), random_(shape.seed * 7919 + 1), etcd_(faults(shape)) {
  seed_thread_random(shape.seed);
  etcd_.on_truth([this](const store::Change& change) { look(change); });
  put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
  for (int i = 0; i < shape.hosts; ++i) {
    auto host = std::make_unique<Host>();
    host->name = fmt::format("n{}", i);
    host->plans = i < shape.planners;
    if (host->plans) planning_.insert(host->name);
    host->drift = 0.99 + 0.02 * below(1001) / 1000.0;
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{0}","labels":{{
        "kubernetes.io/hostname":"{0}"}}}},"status":{{"allocatable":{{"cpu":"64","memory":"256Gi","pods":"500"}}}}}})",
                    host->name));
    by_name_[host->name] = host.get();
    hosts_.push_back(std::move(host));
  }
  for (const auto& host : hosts_) begin_agent(*host);
}

SimulatedCluster::~SimulatedCluster() {
  for (const auto& host : hosts_) host->planner.reset();
  etcd_.on_truth({});
}

// --- time -----------------------------------------------------------------------------------------

bool SimulatedCluster::step(Micros until) {
  auto did = loop_.poll() > 0;
  auto next = until;
  for (const auto& host : hosts_) {
    if (!host->planner) {
      if (host->plans) continue;
      break;  // Those that plan come first.
    }
    const auto due = host->planner->runner.next_due();
    if (!due) continue;
    if (*due > etcd_.clock().now()) {
      next = std::min(next, etcd_.now() + std::chrono::ceil<microseconds>(*due - etcd_.clock().now()));
      continue;
    }
    host->planner->runner.run_due();
    did = true;
  }
  ++steps_;
  if (did) return true;
  return etcd_.step(next) || next < until;
}

void SimulatedCluster::run_for(Micros span) {
  const auto end = etcd_.now() + span;
  while (failure_.empty() && step(end)) {
  }
}

void SimulatedCluster::on_host(Host& host, Micros delay, std::function<void()> what) {
  etcd_.at(etcd_.now() + delay, [&host, life = host.life, what = std::move(what)] {
    if (life == host.life) what();
  });
}

// --- people ---------------------------------------------------------------------------------------

void SimulatedCluster::put(const std::string& text) {
  const auto raw = parse_json(text);
  auto object = model::make_object(raw->get_object());
  if (!object) return fail("put: " + object.error().message());
  const auto done = etcd_.happen({.conditions = {}, .writes = {store::Write::put(*std::move(object))}});
  if (!done) fail("put: " + done.error().message());
}

void SimulatedCluster::edit(const Key& key, const std::function<void(json::object&)>& change) {
  const auto stored = etcd_.truth(key);
  if (!stored) return;
  auto raw = stored->raw;
  change(raw);
  (void)etcd_.happen({.conditions = {}, .writes = {store::Write::put(*model::make_object(std::move(raw)))}});
}

void SimulatedCluster::make_sets() {
  const auto spec = [](const std::string& app, const std::string& notes) {
    return fmt::format(
        R"("selector":{{"matchLabels":{{"app":"{0}"}}}},"template":{{"metadata":{{"labels":{{"app":"{0}"}}{1}}},
        "spec":{{"containers":[{{"name":"c","image":"v1"}}]}}}})",
        app, notes);
  };
  const std::string fenced = fmt::format(R"(,"annotations":{{"{}":"fenced"}})", kFailover);
  for (int i = 0; i < shape_.stateful_sets && failure_.empty(); ++i) {
    const auto name = fmt::format("db{}", i);
    put(fmt::format(R"({{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{{"name":"{0}","namespace":"default"}},
        "spec":{{"replicas":{1},"podManagementPolicy":"{2}","volumeClaimTemplates":[{{"metadata":{{"name":"data"}},
        "spec":{{"accessModes":["ReadWriteOnce"],"storageClassName":"none","resources":{{"requests":{{"storage":"1Gi"
        }}}}}}}}],{3}}}}})",
                    name, shape_.replicas, i % 3 == 2 ? "Parallel" : "OrderedReady",
                    spec(name, shape_.fencing && i % 2 == 0 ? fenced : std::string())));
    run_for(seconds(1));
  }
  for (int i = 0; i < shape_.daemon_sets && failure_.empty(); ++i) {
    const auto name = fmt::format("ds{}", i);
    put(fmt::format(R"({{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{{"name":"{0}","namespace":"default"}},
        "spec":{{{1}}}}})",
                    name, spec(name, {})));
    run_for(seconds(1));
  }
  for (int i = 0; i < shape_.deployments && failure_.empty(); ++i) {
    const auto name = fmt::format("web{}", i);
    put(fmt::format(R"({{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"{0}","namespace":"default"}},
        "spec":{{"replicas":{1},{2}}}}})",
                    name, shape_.replicas, spec(name, {})));
    run_for(seconds(1));
  }
}

void SimulatedCluster::act_as_user() {
  const auto pick = [&](const char* stem, int count) { return fmt::format("{}{}", stem, below(std::max(1, count))); };
  const Key stateful{Kind::StatefulSet, "default", pick("db", shape_.stateful_sets)};
  const Key deployment{Kind::Deployment, "default", pick("web", shape_.deployments)};
  switch (below(6)) {
    case 0: {
      const auto pods = etcd_.truth(Kind::Pod);
      if (pods.empty()) break;
      edit(pods[static_cast<std::size_t>(below(static_cast<int>(pods.size())))]->key(),
           [&](json::object& raw) { model::mark_deleted(Kind::Pod, raw, 2, etcd_.clock().wall()); });
      break;
    }
    case 1: {
      const auto replicas = 1 + below(shape_.replicas + 2);
      edit(one_in(2) ? stateful : deployment,
           [&](json::object& raw) { model::object_in(raw, "spec")["replicas"] = replicas; });
      break;
    }
    case 2:
      edit(one_in(2) ? stateful : deployment, [&](json::object& raw) {
        auto& spec = raw["spec"].get_object()["template"].get_object()["spec"].get_object();
        spec["containers"].get_array()[0].get_object()["image"] = fmt::format("v{}", 1 + below(4));
      });
      break;
    default: {
      const auto& host = *hosts_[static_cast<std::size_t>(below(shape_.hosts))];
      edit({Kind::Node, "", host.name}, [&](json::object& raw) {
        auto& spec = model::object_in(raw, "spec");
        if (!spec.erase("unschedulable")) spec["unschedulable"] = true;
      });
      break;
    }
  }
}

void SimulatedCluster::act() {
  auto& host = *hosts_[static_cast<std::size_t>(below(shape_.hosts))];
  switch (below(8)) {
    case 0:
    case 1:
      if (shape_.cuts && host.on) cut(host, !host.is_cut);
      break;
    case 2:
      if (!shape_.power) break;
      if (host.on) {
        power(host, false);
      } else if (!host.lost) {
        power(host, true);
      }
      break;
    case 3:
      // A person looks whether it is off, and takes the word back long before it is on again.
      if (!shape_.power || host.on) break;
      host.lost = true;
      edit({Kind::Node, "", host.name}, [&](json::object& raw) {
        auto& taints = model::object_in(raw, "spec")["taints"];
        if (!taints.is_array()) taints.emplace_array();
        taints.get_array().push_back({{"key", kOutOfService}, {"effect", "NoExecute"}});
      });
      break;
    case 4:
      if (!shape_.agents || !host.on) break;
      if (host.agent) {
        end_agent(host);
      } else {
        begin_agent(host);
      }
      break;
    case 5:
      if (shape_.stalls && host.planner) host.planner->view->stall(etcd_.now() + within(kStall));
      break;
    default:
      if (shape_.users) act_as_user();
      break;
  }
}

void SimulatedCluster::heal() {
  etcd_.heal();
  for (const auto& host : hosts_) {
    cut(*host, false);
    edit({Kind::Node, "", host->name}, [&](json::object& raw) {
      auto& spec = model::object_in(raw, "spec");
      spec.erase("unschedulable");
      spec.erase("taints");  // The warden says again who is silent.
    });
  }
  run_for(seconds(60));
  for (const auto& host : hosts_) {
    host->lost = false;
    if (!host->on) power(*host, true);
    if (!host->agent) begin_agent(*host);
  }
}

/// Why it is not yet as the sets want it; empty: it is.
std::string SimulatedCluster::at_rest() const {
  const auto all = etcd_.truth(Kind::Pod);
  for (const auto kind : {Kind::StatefulSet, Kind::Deployment, Kind::DaemonSet}) {
    for (const auto& set : etcd_.truth(kind)) {
      const auto* status = set->raw.if_contains("status");
      const auto number = [&](const json::value* from, std::string_view name) {
        const auto* found = from == nullptr ? nullptr : find(*from, {name});
        return found == nullptr || !found->is_int64() ? std::int64_t{0} : found->get_int64();
      };
      const auto wanted = kind == Kind::DaemonSet ? static_cast<std::int64_t>(hosts_.size())
                                                  : number(set->raw.if_contains("spec"), "replicas");
      const auto ready = number(status, kind == Kind::DaemonSet ? "numberReady" : "readyReplicas");
      const auto seen = number(status, "observedGeneration");
      if (ready != wanted || seen != set->meta.generation) {
        return fmt::format("{}: {} of {} ready, generation {} of {}", set->key().display(), ready, wanted, seen,
                           set->meta.generation);
      }
      std::int64_t pods = 0;
      for (const auto& pod : all) {
        if (pod->meta.labels.at("app") != set->meta.name) continue;
        ++pods;
        // A pod waits for its claim, which may be made after it where a write failed; but there it must be.
        const Key claim{Kind::PersistentVolumeClaim, "default", "data-" + pod->meta.name};
        if (kind == Kind::StatefulSet && !etcd_.truth(claim)) return claim.display() + " is not there";
      }
      if (pods != wanted) return fmt::format("{}: {} pods, {} wanted", set->key().display(), pods, wanted);
    }
  }
  return {};
}

bool SimulatedCluster::converges() {
  // Fences, graces, tolerations, writes that were never answered and their back-offs all end within it.
  constexpr seconds kBound{1800};
  constexpr seconds kQuiet{150};
  constexpr seconds kPiece{10};
  seconds quiet{0};
  auto last = etcd_.revision();
  for (seconds passed{0}; passed < kBound && failure_.empty(); passed += kPiece) {
    run_for(kPiece);
    quiet = etcd_.revision() == last ? quiet + kPiece : seconds{0};
    last = etcd_.revision();
    if (quiet >= kQuiet) break;
  }
  if (!failure_.empty()) return false;
  if (quiet < kQuiet) fail("something is written for ever");
  if (const auto why = at_rest(); !why.empty()) fail("at rest, " + why);
  return failure_.empty();
}

std::string SimulatedCluster::run() {
  run_for(seconds(2));
  make_sets();
  run_for(seconds(5));
  for (int i = 0; (i < shape_.actions || steps_ < shape_.steps) && failure_.empty(); ++i) {
    act();
    run_for(within(one_in(6) ? milliseconds(60'000) : milliseconds(4'000)));
  }
  if (failure_.empty()) heal();
  if (failure_.empty()) converges();
  if (failure_.empty()) return {};
  std::string out = failure_ + "\nwhat came before:\n";
  for (auto at = history_.size() > kHistory ? history_.end() - kHistory : history_.begin(); at != history_.end();
       ++at) {
    out += "  " + *at + "\n";
  }
  return out;
}

// --- hosts ----------------------------------------------------------------------------------------

void SimulatedCluster::begin_agent(Host& host) {
  history_.push_back(fmt::format("{} {} begins", etcd_.now().count(), host.name));
  host.agent = true;
  ++host.life;
  host.token = 0;
  open_session(host);
}

/// Its pods run on. What it had asked for may arrive yet.
void SimulatedCluster::end_agent(Host& host) {
  history_.push_back(fmt::format("{} {} ends", etcd_.now().count(), host.name));
  host.agent = false;
  host.armed = false;
  ++host.life;
  host.planner.reset();
  for (auto& [uid, held] : host.pods) held.stopping = false;
}

void SimulatedCluster::power(Host& host, bool on) {
  host.on = on;
  if (on) return begin_agent(host);
  end_agent(host);
  history_.push_back(fmt::format("{} {} has no power", etcd_.now().count(), host.name));
  for (auto& [uid, held] : host.pods) leave(held);
  host.pods.clear();
}

void SimulatedCluster::cut(Host& host, bool on) {
  if (host.is_cut == on) return;
  history_.push_back(fmt::format("{} {} is {}", etcd_.now().count(), host.name, on ? "cut off" : "back"));
  host.is_cut = on;
  ++host.connection;
  if (host.planner) host.planner->view->cut(on);
  if (!on && host.agent && host.token != 0) on_host(host, milliseconds(100), [this, &host] { look_at_all(host); });
}

void SimulatedCluster::ask(Host& host, std::function<void()> what, std::function<void()> then) {
  etcd_.at(etcd_.soon(), [this, &host, life = host.life, what = std::move(what), then = std::move(then)] {
    if (host.is_cut) return;
    what();
    if (!then) return;
    etcd_.at(etcd_.soon(), [&host, life, then] {
      if (!host.is_cut && life == host.life) then();
    });
  });
}

void SimulatedCluster::open_session(Host& host) {
  const auto sent = etcd_.now();
  const auto token = std::make_shared<store::FarEtcd::Token>(0);
  ask(
      host,
      [this, &host, life = host.life, token] {
        if (life != host.life) return;
        *token = etcd_.open_session("live/" + host.name, {host.name, "", ""});
      },
      [this, &host, token, sent] {
        if (*token == 0 || host.token != 0) return;
        host.token = *token;
        if (host.plans && !host.planner) {
          host.planner = std::make_unique<Planner>(host.name, planning_, loop_, etcd_);
        }
        answered(host, sent);
        arm(host);
        keep_session(host);
      });
  // Until it has one.
  on_host(host, seconds(1), [this, &host] {
    if (host.token == 0) open_session(host);
  });
}

void SimulatedCluster::keep_session(Host& host) {
  const auto sent = etcd_.now();
  const auto token = host.token;
  const auto held = std::make_shared<bool>(true);
  ask(
      host, [this, token, held] { *held = etcd_.keep_session(token); },
      [this, &host, token, held, sent] {
        if (token != host.token) return;
        if (*held) {
          answered(host, sent);
          if (!host.armed) arm(host);  // It was cut off for long enough to be fenced, and not for longer.
          return;
        }
        host.token = 0;
        host.armed = false;
        open_session(host);
      });
  const auto period = Micros{static_cast<std::int64_t>(host.drift * 5'000'000)};
  on_host(host, period, [this, &host, token] {
    if (token == host.token) keep_session(host);
  });
  if (host.planner) host.planner->give_up_waiting();
}

void SimulatedCluster::answered(Host& host, Micros sent) {
  host.heard = std::max(host.heard, sent);
  // The fence is a program of its own: it works whatever becomes of the agent.
  const auto deadline =
      host.heard + Micros{static_cast<std::int64_t>(host.drift * static_cast<double>(Micros(shape_.fence).count()))};
  etcd_.at(deadline, [this, &host, heard = host.heard] {
    if (host.heard == heard) kill_fenced(host);
  });
}

void SimulatedCluster::kill_fenced(Host& host) {
  host.armed = false;
  for (auto& [uid, held] : host.pods) {
    if (!held.fenced || !held.running) continue;
    etcd_.at(etcd_.now() + within(milliseconds(2'500)), [this, &host, uid = uid] {
      const auto found = host.pods.find(uid);
      if (found == host.pods.end()) return;
      leave(found->second);
      if (host.agent) say_ready(host, uid, false);
    });
  }
}

/// Says that it is there and, where there are fences, that what of it is fenced dies in time; then begins its pods.
void SimulatedCluster::arm(Host& host) {
  const auto token = host.token;
  ask(
      host,
      [this, &host, token] {
        edit({Kind::Node, "", host.name}, [&](json::object& raw) {
          if (shape_.fencing) {
            model::object_in(model::object_in(raw, "metadata"), "annotations")[kFencing] =
                fmt::format("armed {}", token);
          }
          model::object_in(raw, "status")["conditions"] =
              json::array{{{"type", "Ready"}, {"status", "True"}, {"reason", "KubeletReady"}}};
        });
      },
      [this, &host, token] {
        if (token != host.token) return;
        host.armed = true;
        look_at_all(host);
      });
  on_host(host, seconds(2), [this, &host, token] {
    if (token == host.token && token != 0 && !host.armed) arm(host);
  });
}

/// Everything is told anew.
void SimulatedCluster::look_at_all(Host& host) {
  if (!host.agent || host.is_cut) return;
  std::vector<std::string> gone;
  for (const auto& [uid, held] : host.pods) {
    const auto stored = etcd_.truth(held.key);
    if (!stored || stored->meta.uid != uid) gone.push_back(uid);
  }
  for (const auto& uid : gone) see_gone(host, uid);
  for (const auto& [ns, name] : bound_[host.name]) {
    if (const auto pod = etcd_.truth({Kind::Pod, ns, name})) see(host, pod);
  }
}

void SimulatedCluster::see(Host& host, const model::ObjectPtr& object) {
  const auto& uid = object->meta.uid;
  const auto known = host.pods.find(uid);
  if (object->meta.deleting()) {
    if (known == host.pods.end()) host.pods[uid] = {.key = object->key(), .uid = uid};
    return stop(host, uid);
  }
  const auto pod = model::decode_pod(*object);
  if (known == host.pods.end()) {
    host.pods[uid] = {.key = object->key(), .uid = uid, .fenced = shape_.fencing && is_fenced(*pod)};
  }
  auto& held = host.pods[uid];
  if (held.running) {
    if (!pod->status.ready()) on_host(host, milliseconds(50), [this, &host, uid] { say_ready(host, uid, true); });
    return;
  }
  if (held.begun && held.life == host.life) return;
  held.begun = true;
  held.life = host.life;
  on_host(host, milliseconds(50) + within(milliseconds(1'500)), [this, &host, uid] { start(host, uid); });
}

void SimulatedCluster::start(Host& host, const std::string& uid) {
  const auto found = host.pods.find(uid);
  if (found == host.pods.end()) return;
  auto& held = found->second;
  if (held.running || held.stopping || held.gone) return;
  const auto again = [&] { on_host(host, milliseconds(200), [this, &host, uid] { start(host, uid); }); };
  if (held.fenced && !host.armed) return again();
  for (const auto& [other, its] : host.pods) {
    if (other != uid && its.running && its.key == held.key) return again();
  }
  enter(host, held);
  on_host(host, milliseconds(100) + within(milliseconds(1'000)), [this, &host, uid] { say_ready(host, uid, true); });
}

void SimulatedCluster::say_ready(Host& host, const std::string& uid, bool ready) {
  const auto found = host.pods.find(uid);
  if (found == host.pods.end() || found->second.running != ready || found->second.gone) return;
  if (!ready) found->second.begun = false;
  ask(host, [this, key = found->second.key, uid, ready] {
    const auto stored = etcd_.truth(key);
    if (!stored || stored->meta.uid != uid) return;
    edit(key, [&](json::object& raw) {
      raw["status"] = {{"phase", "Running"},
                       {"podIP", "10.98.0.7"},
                       {"conditions", json::array{{{"type", "Ready"}, {"status", ready ? "True" : "False"}}}}};
    });
  });
}

/// Its containers end within the grace, then its object goes; asked for again until that is seen.
void SimulatedCluster::stop(Host& host, const std::string& uid) {
  auto& held = host.pods.at(uid);
  if (held.stopping) return;
  held.stopping = true;
  const auto grace = held.running ? milliseconds(20) + within(milliseconds(2'000)) : Micros(milliseconds(20));
  on_host(host, grace, [this, &host, uid] {
    const auto found = host.pods.find(uid);
    if (found == host.pods.end()) return;
    leave(found->second);
    found->second.stopping = false;
    ask(host, [this, key = found->second.key, uid] {
      (void)etcd_.happen({.conditions = {store::Condition::is(key, uid)}, .writes = {store::Write::remove(key)}});
    });
  });
}

void SimulatedCluster::see_gone(Host& host, const std::string& uid) {
  const auto found = host.pods.find(uid);
  if (found == host.pods.end()) return;
  found->second.gone = true;
  on_host(host, found->second.running ? within(milliseconds(500)) : Micros{0}, [this, &host, uid] {
    const auto still = host.pods.find(uid);
    if (still == host.pods.end()) return;
    leave(still->second);
    host.pods.erase(still);
  });
}

// --- invariants -----------------------------------------------------------------------------------

void SimulatedCluster::fail(const std::string& what) {
  if (failure_.empty()) failure_ = fmt::format("at {} us: {}", etcd_.now().count(), what);
}

void SimulatedCluster::enter(Host& host, Held& held) {
  held.running = true;
  history_.push_back(fmt::format("{} {} runs {} {}", etcd_.now().count(), host.name, held.key.name, held.uid));
  const auto [other, first] = running_.emplace(identity_of(held.key), std::pair(host.name, held.uid));
  if (!first) fail(fmt::format("{} runs on {} and on {}", held.key.name, other->second.first, host.name));
}

void SimulatedCluster::leave(Held& held) {
  if (!held.running) return;
  held.running = false;
  history_.push_back(fmt::format("{} {} runs no more {}", etcd_.now().count(), held.key.name, held.uid));
  const auto found = running_.find(identity_of(held.key));
  if (found != running_.end() && found->second.second == held.uid) running_.erase(found);
}

void SimulatedCluster::look(const store::Change& change) {
  const auto& object = *change.object;
  if (object.kind == Kind::Pod) {
    look_at_pod(change);
  } else if (object.kind == Kind::PersistentVolumeClaim && change.type == store::ChangeType::Deleted) {
    fail(fmt::format("claim {} is lost", object.meta.name));
  } else if (object.kind == Kind::Node) {
    const auto* spec = object.raw.if_contains("spec");
    const auto closed = spec != nullptr && find(*spec, {"unschedulable"}) != nullptr;
    if (!closed) cordoned_.erase(object.meta.name);
    if (closed) cordoned_.try_emplace(object.meta.name, etcd_.now());
  } else if (object.kind == Kind::ReplicaSet && change.previous) {
    // By how many it was before some planner may go on for a while.
    const auto before = find(change.previous->raw.at("spec"), {"replicas"})->to_number<std::int64_t>();
    auto& [most, until] = wished_[object.meta.uid];
    most = until < etcd_.now() ? before : std::max(most, before);
    until = etcd_.now() + kLag;
  }
}

void SimulatedCluster::look_at_pod(const store::Change& change) {
  const auto& object = *change.object;
  const auto key = object.key();
  const auto gone = change.type == store::ChangeType::Deleted;
  const auto pod = model::decode_pod(object);
  const auto before = change.previous ? model::decode_pod(*change.previous) : pod;
  const auto& node = pod->spec.node_name;
  history_.push_back(fmt::format("{} pod {} {} on {}{}{}", etcd_.now().count(), pod->meta.name, pod->meta.uid, node,
                                 pod->meta.deleting() ? " deleting" : "", gone ? " gone" : ""));
  if (history_.size() > 4 * kHistory) history_.erase(history_.begin(), history_.end() - 2 * kHistory);
  const auto* owner = pod->meta.controller();
  const auto owner_uid = owner == nullptr ? std::string() : owner->uid;
  if (change.type == store::ChangeType::Added) look_at_new_pod(*pod);
  if (gone) {
    made_[owner_uid].erase(pod->meta.uid);
    if (auto& daemon = daemons_[owner_uid][node]; daemon == pod->meta.uid) daemon.clear();
  } else {
    made_[owner_uid][pod->meta.uid] = !pod->meta.deleting() && !is_terminal(*pod);
  }
  if (!gone && is_ready(change.object)) {
    was_ready_.insert(key);
    unready_since_.erase(key);
  } else {
    unready_since_.try_emplace(key, etcd_.now());
  }
  if (node.empty()) return;
  const auto is_new_here = !change.previous || before->spec.node_name.empty();
  if (is_new_here && !gone) {
    const auto closed = cordoned_.find(node);
    const auto daemon = owner != nullptr && owner->kind == "DaemonSet";
    if (!daemon && closed != cordoned_.end() && etcd_.now() - closed->second > kLag) {
      fail(fmt::format("{} comes to {}, which is cordoned", pod->meta.name, node));
    }
  }
  auto& bound = bound_[node];
  if (gone) {
    bound.erase({key.ns, key.name});
  } else {
    bound.insert({key.ns, key.name});
  }
  auto& host = *by_name_.at(node);
  host.down = std::max(host.down, etcd_.soon());
  etcd_.at(host.down, [this, &host, life = host.life, connection = host.connection, object = change.object, gone] {
    if (life != host.life || connection != host.connection || !host.agent || host.is_cut || host.token == 0) return;
    if (gone) {
      see_gone(host, object->meta.uid);
    } else {
      see(host, object);
    }
  });
}

void SimulatedCluster::look_at_new_pod(const model::Pod& pod) {
  const auto* owner = pod.meta.controller();
  if (owner == nullptr) return;
  const auto set = etcd_.truth({Kind::StatefulSet, pod.meta.ns, owner->name});
  const auto ordinal = ordinal_of(pod);
  if (ordinal >= 0 && set) {
    const auto ordered = find_string(set->raw.at("spec"), {"podManagementPolicy"}) != "Parallel";
    for (int i = 0; ordered && i < ordinal; ++i) {
      const Key earlier{Kind::Pod, pod.meta.ns, fmt::format("{}-{}", owner->name, i)};
      if (is_ready(etcd_.truth(earlier))) continue;
      const auto since = unready_since_.find(earlier);
      const auto lately = since != unready_since_.end() && etcd_.now() - since->second <= kLag;
      if (!was_ready_.contains(earlier) || !lately) {
        fail(fmt::format("{} is made while {} is not ready", pod.meta.name, earlier.name));
      }
    }
    return;
  }
  if (!names_.insert(pod.meta.name).second) fail(fmt::format("{} is made again", pod.meta.name));
  if (owner->kind == "DaemonSet") {
    auto& daemon = daemons_[owner->uid][pod.spec.node_name];
    if (!daemon.empty()) fail(fmt::format("{} is made beside {}", pod.meta.name, daemon));
    daemon = pod.meta.uid;
    return;
  }
  const auto replica_set = etcd_.truth({Kind::ReplicaSet, pod.meta.ns, owner->name});
  if (!replica_set) return;
  auto wanted = find(replica_set->raw.at("spec"), {"replicas"})->to_number<std::int64_t>();
  if (const auto lately = wished_.find(owner->uid); lately != wished_.end() && etcd_.now() <= lately->second.second) {
    wanted = std::max(wanted, lately->second.first);
  }
  const auto& made = made_[owner->uid];
  const auto active = std::count_if(made.begin(), made.end(), [](const auto& each) { return each.second; }) + 1;
  if (active > wanted) fail(fmt::format("{} is one too many: {} of {}", pod.meta.name, active, wanted));
}

}  // namespace berth::agent
