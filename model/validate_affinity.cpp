// model/validate_affinity.cpp - where pods want to be: nodes, other pods, spread; also what is only a wish.
#include <fmt/format.h>

#include "model/names.hpp"
#include "model/pod_wishes.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
constexpr const char* kPreferred = "preferredDuringSchedulingIgnoredDuringExecution";

void check_weight(const Reader& from) {
  const auto weight = from.integer("weight");
  if (weight < 1 || weight > 100) {
    from.fail("weight", fmt::format("invalid value: {}: must be in the range 1-100", weight));
  }
}

void check_topology_key(const Reader& from) {
  if (from.text("topologyKey").empty()) return from.fail("topologyKey", "required: can not be empty");
  check_text(from, "topologyKey", qualified_name_error);
}

void check_pod_term(const Reader& term) {
  check_label_selector(term.child("labelSelector"));
  check_label_selector(term.child("namespaceSelector"));
  for (const auto& name : term.texts("namespaces")) {
    if (const auto why = dns_label_error(name); !why.empty()) term.fail("namespaces", invalid(name, why));
  }
  check_topology_key(term);
}

/// Kubernetes knows no limit; here each is asked of every node.
void check_count(const Reader& from, const char* name) {
  const auto count = from.children(name).size();
  if (count > kMostPodTerms) from.fail(name, fmt::format("too many: {}: must have at most {}", count, kMostPodTerms));
}

void check_pod_affinity(const Reader& affinity) {
  check_count(affinity, kRequired);
  check_count(affinity, kPreferred);
  for (const auto& term : affinity.children(kRequired)) check_pod_term(term);
  for (const auto& wish : affinity.children(kPreferred)) {
    check_weight(wish);
    if (!wish.child("podAffinityTerm").present()) {
      wish.fail("podAffinityTerm", "required");
    } else {
      check_pod_term(wish.child("podAffinityTerm"));
    }
  }
}

}  // namespace

void check_affinity(const Reader& affinity) {
  const auto node = affinity.child("nodeAffinity");
  check_node_selector(node.child(kRequired));
  check_count(node, kPreferred);
  for (const auto& wish : node.children(kPreferred)) {
    check_weight(wish);
    check_node_selector_term(wish.child("preference"));
  }
  check_pod_affinity(affinity.child("podAffinity"));
  check_pod_affinity(affinity.child("podAntiAffinity"));
}

void check_topology_spread(const Reader& pod_spec) {
  check_count(pod_spec, "topologySpreadConstraints");
  for (const auto& one : pod_spec.children("topologySpreadConstraints")) {
    if (one.integer("maxSkew") <= 0) {
      one.fail("maxSkew", fmt::format("invalid value: {}: must be greater than zero", one.integer("maxSkew")));
    }
    check_topology_key(one);
    if (require_text(one, "whenUnsatisfiable")) {
      check_choice(one, "whenUnsatisfiable", {"DoNotSchedule", "ScheduleAnyway"});
    }
    if (one.has("minDomains")) {
      if (one.integer("minDomains") <= 0) {
        one.fail("minDomains", fmt::format("invalid value: {}: must be greater than zero", one.integer("minDomains")));
      }
      if (one.text("whenUnsatisfiable") != "DoNotSchedule") {
        one.fail("minDomains",
                 fmt::format("invalid value: {}: can only use minDomains if whenUnsatisfiable=DoNotSchedule",
                             one.integer("minDomains")));
      }
    }
    check_choice(one, "nodeAffinityPolicy", {"Honor", "Ignore"});
    check_choice(one, "nodeTaintsPolicy", {"Honor", "Ignore"});
    check_label_selector(one.child("labelSelector"));
  }
}

}  // namespace berth::model
