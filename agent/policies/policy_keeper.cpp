// agent/policies/policy_keeper.cpp - see policy_keeper.hpp.
#include "agent/policies/policy_keeper.hpp"

#include <arpa/inet.h>

#include <utility>

#include "agent/objects/pod_facts.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

using model::Kind;

bool is_ipv4(const std::string& text) {
  in_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1;
}

/// Does the change say nothing that policies are about?
bool is_indifferent(const store::Change& change) {
  if (change.type != store::ChangeType::Modified || change.previous == nullptr) return false;
  const auto& now = *change.object;
  const auto& old = *change.previous;
  if (now.meta.uid != old.meta.uid || now.meta.labels != old.meta.labels) return false;
  const auto text = [](const model::Object& pod, std::string_view part, std::string_view field) {
    const auto* below = pod.raw.if_contains(part);
    return below == nullptr ? std::string_view() : find_string(*below, {field});
  };
  const auto same = [&](std::string_view part, std::string_view field) {
    return text(now, part, field) == text(old, part, field);
  };
  return same("status", "podIP") && same("status", "phase") && same("spec", "nodeName");
}

}  // namespace

void PolicyKeeper::on_change(const store::Change& change) {
  const auto& object = *change.object;
  const Name name{object.meta.ns, object.meta.name};
  const auto is_concerned = object.kind == Kind::Namespace || (object.kind == Kind::Pod && !is_indifferent(change));
  // The first policy looks at everything.
  if (object.kind != Kind::NetworkPolicy && !(book_.has_policies() && is_concerned)) return;
  if (object.kind == Kind::NetworkPolicy) {
    policies_.insert(name);
  } else if (object.kind == Kind::Namespace) {
    namespaces_.insert(object.meta.name);
  } else {
    pods_[object.meta.uid] = name;
    if (change.previous != nullptr) pods_[change.previous->meta.uid] = name;
  }
  look_soon();
}

void PolicyKeeper::look_at_all() {
  out_of_step_ = true;
  objects_ = nullptr;
  look_soon();
}

void PolicyKeeper::look_at_all(const ObjectCache& objects) {
  for (const auto& [name, policy] : objects.network_policies()) policies_.insert(name);
  for (const auto& name : book_.policy_names()) policies_.insert(name);
  for (const auto& [name, meta] : objects.namespaces()) namespaces_.insert(name.second);
  for (const auto& [name, pod] : objects.pods()) pods_[pod->meta.uid] = name;
  for (const auto& [uid, name] : names_) pods_.try_emplace(uid, name);
}

void PolicyKeeper::look_soon() {
  // What comes while the kernel is told goes out with the answer.
  if (busy_ || std::exchange(posted_, true)) return;
  context_.loop.post([this, alive = alive_] {
    if (*alive) look();
  });
}

void PolicyKeeper::look() {
  posted_ = false;
  if (busy_) return;
  const auto& objects = context_.objects();
  const auto begins = !book_.has_policies() && !objects.network_policies().empty();
  if (std::exchange(objects_, &objects) != &objects || begins) look_at_all(objects);
  if (objects.network_policies().empty()) {
    // Nothing is remembered of pods: who starts now waits for nobody.
    book_ = PolicyBook();
    names_.clear();
    pods_.clear();
    namespaces_.clear();
    policies_.clear();
    safe_.clear();
  }
  // Pods first: a set that a policy brings is made of them once.
  for (const auto& name : std::exchange(namespaces_, {})) {
    const auto found = objects.namespaces().find({"", name});
    book_.set_namespace(name, found == objects.namespaces().end() ? model::StringMap() : found->second->labels);
  }
  for (const auto& [uid, name] : std::exchange(pods_, {})) renew_pod(uid, name, objects);
  const auto policies = std::exchange(policies_, {});
  for (const auto& name : policies) renew_policy(name, objects);
  policy_under_way_ = policy_under_way_ || !policies.empty();
  out_of_step_ = false;
  busy_ = true;
  std::map<std::string, std::string> sent;
  for (const auto& [uid, name] : names_) {
    if (const auto* pod = book_.pod(uid)) sent[uid] = pod->address;
  }
  context_.lane.run([this, alive = alive_, &loop = context_.loop, &network = context_.network,
                     policies = book_.policies(), sent = std::move(sent)] {
    auto status = network.set_policies(policies);
    loop.post([this, alive, sent, status = std::move(status)] {
      if (*alive) answered(sent, status);
    });
  });
}

void PolicyKeeper::renew_policy(const Name& name, const ObjectCache& objects) {
  const auto found = objects.network_policies().find(name);
  if (found == objects.network_policies().end()) {
    book_.drop_policy(name);
  } else {
    book_.set_policy(found->second);
  }
}

/// The network knows it before the store does, and gives it to nobody else as long as the pod is here.
std::string PolicyKeeper::address_of(const model::Pod& pod) const {
  if (pod.spec.host_network || is_terminal(pod)) return {};
  if (pod.spec.node_name == context_.node) return context_.network.address_of(pod.meta.uid).value_or("");
  return is_ipv4(pod.status.pod_ip) ? pod.status.pod_ip : std::string();
}

void PolicyKeeper::renew_pod(const std::string& uid, const Name& name, const ObjectCache& objects) {
  const auto pod = objects.pod(name);
  const auto is_it = pod != nullptr && pod->meta.uid == uid;
  auto address = is_it ? address_of(*pod) : std::string();
  if (address.empty()) {
    book_.drop_pod(uid);
    names_.erase(uid);
    safe_.erase(uid);
    return;
  }
  // Who had it before has it no longer.
  if (const auto holder = book_.holder_of(address); !holder.empty() && holder != uid) {
    book_.drop_pod(holder);
    safe_.erase(holder);
    if (names_.contains(holder)) names_.erase(holder);
  }
  PolicyPod facts{.uid = uid,
                  .ns = pod->meta.ns,
                  .labels = pod->meta.labels,
                  .address = std::move(address),
                  .ports = {},
                  .here = pod->spec.node_name == context_.node};
  for (const auto* list : {&pod->spec.containers, &pod->spec.init_containers}) {
    for (const auto& container : *list) {
      for (const auto& port : container.ports) {
        if (port.name.empty()) continue;
        facts.ports.push_back({port.name, port.protocol, static_cast<std::uint16_t>(port.container_port)});
      }
    }
  }
  book_.set_pod(facts);
  names_[uid] = name;
}

void PolicyKeeper::answered(const std::map<std::string, std::string>& sent, const Status& status) {
  busy_ = false;
  if (status) {
    if (!std::exchange(failure_, {}).empty()) log(LogLevel::Info, "network policies are enforced again");
    told_.clear();
    policy_under_way_ = false;
    safe_ = sent;
    for (const auto& [uid, name] : std::exchange(waiting_, {})) context_.kick(uid);
  } else {
    if (std::exchange(failure_, status.error().message()).empty()) {
      log(LogLevel::Error,
          "network policies are enforced as before, trying again; pods that they select do not start until then",
          {{"error", failure_}});
    }
    // For others nothing is closed.
    auto free = std::exchange(waiting_, {});
    for (const auto& [uid, name] : free) {
      if (book_.selects(uid)) {
        waiting_[uid] = name;
      } else {
        context_.kick(uid);
      }
    }
    say_refused(failure_);
    retry_ = context_.loop.after(kRetry, [this] {
      out_of_step_ = true;
      look_soon();
    });
  }
  if (!pods_.empty() || !policies_.empty() || !namespaces_.empty() || out_of_step_ || objects_ == nullptr) look_soon();
}

void PolicyKeeper::say_refused(const std::string& why) {
  for (const auto& [uid, name] : waiting_) {
    const auto pod = context_.objects().pod(name);
    if (pod == nullptr || pod->meta.uid != uid || !book_.selects(uid) || !told_.insert(uid).second) continue;
    context_.on_refused(
        *pod, "network policies that select the pod are not in force, it does not start until they are: " + why);
  }
}

std::string PolicyKeeper::may_start(const model::Pod& pod) {
  const auto& objects = context_.objects();
  if (pod.spec.host_network || (objects.network_policies().empty() && !book_.has_policies())) return {};
  const auto& uid = pod.meta.uid;
  const auto address = context_.network.address_of(uid);
  if (!address) return {};  // It has no network yet: it is asked for again.
  const auto safe = safe_.find(uid);
  const auto news = !policies_.empty() || policy_under_way_;
  if (safe != safe_.end() && safe->second == *address && (!news || !failure_.empty())) return {};
  const auto* known = book_.pod(uid);
  const auto is_known = known != nullptr && known->address == *address && !pods_.contains(uid);
  if (is_known && !failure_.empty() && !book_.selects(uid) && policies_.empty()) return {};
  waiting_[uid] = {pod.meta.ns, pod.meta.name};
  if (!is_known) {
    pods_[uid] = {pod.meta.ns, pod.meta.name};
    look_soon();
  } else if (!busy_) {
    out_of_step_ = true;
    if (failure_.empty()) look_soon();
  }
  if (!failure_.empty()) {
    say_refused(failure_);
    return "its network policies are not in force: " + failure_;
  }
  return "waits for its network policies to be in force";
}

}  // namespace berth::agent
