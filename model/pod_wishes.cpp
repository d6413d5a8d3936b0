// model/pod_wishes.cpp - see pod_wishes.hpp.
#include "model/pod_wishes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/decode_internal.hpp"
#include "model/reader.hpp"
#include "model/selector.hpp"

namespace berth::model {
namespace {

constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
constexpr const char* kPreferred = "preferredDuringSchedulingIgnoredDuringExecution";

/// Whose pod it is that says something of others.
struct Speaker {
  std::string ns;
  StringMap labels;
};

std::optional<LabelSelector> maybe_selector(const Reader& from) {
  if (!from.present()) return std::nullopt;
  return read_label_selector(from);
}

/// matchLabelKeys: the same value as the pod itself has; a key that it does not have says nothing.
void add_own_labels(std::optional<LabelSelector>& selector, const std::vector<std::string>& keys, const char* op,
                    const Speaker& pod) {
  if (!selector) return;
  for (const auto& key : keys) {
    const auto found = pod.labels.find(key);
    if (found != pod.labels.end()) selector->match_expressions.push_back({key, op, {found->second}});
  }
}

/// Terms that say the same in another order are others, which costs a count and no more.
std::string id_of(const Reader& from, const PodTerm& term, const Speaker& pod) {
  auto id = json::serialize(*from.raw());
  for (const auto& ns : term.namespaces) id += fmt::format(" {}", ns);
  for (const auto* keys : {"matchLabelKeys", "mismatchLabelKeys"}) {
    for (const auto& key : from.texts(keys)) {
      const auto found = pod.labels.find(key);
      if (found != pod.labels.end()) id += fmt::format(" {}={}", key, found->second);
    }
  }
  return id;
}

PodTerm read_term(const Reader& from, const Speaker& pod) {
  PodTerm term;
  term.selector = maybe_selector(from.child("labelSelector"));
  add_own_labels(term.selector, from.texts("matchLabelKeys"), "In", pod);
  add_own_labels(term.selector, from.texts("mismatchLabelKeys"), "NotIn", pod);
  term.namespaces = from.texts("namespaces");
  term.namespace_selector = maybe_selector(from.child("namespaceSelector"));
  if (term.namespaces.empty() && !term.namespace_selector) term.namespaces.push_back(pod.ns);
  term.topology_key = from.text("topologyKey");
  term.id = id_of(from, term, pod);
  return term;
}

/// No more than kMostPodTerms: an older agent may have stored more.
std::vector<Reader> children(const Reader& from, const char* name) {
  auto all = from.children(name);
  if (all.size() > kMostPodTerms) all.erase(all.begin() + kMostPodTerms, all.end());
  std::erase_if(all, [](const Reader& one) { return !one.present(); });
  return all;
}

void read_pods(const Reader& from, const Speaker& pod, int sign, std::vector<PodTerm>& required,
               std::vector<WeightedPodTerm>& preferred) {
  for (const auto& one : children(from, kRequired)) required.push_back(read_term(one, pod));
  for (const auto& one : children(from, kPreferred)) {
    const auto term = one.child("podAffinityTerm");
    if (term.present()) preferred.push_back({read_term(term, pod), sign * one.integer("weight")});
  }
}

SpreadConstraint read_spread(const Reader& from, const Speaker& pod) {
  SpreadConstraint out;
  out.topology_key = from.text("topologyKey");
  out.selector = maybe_selector(from.child("labelSelector"));
  add_own_labels(out.selector, from.texts("matchLabelKeys"), "In", pod);
  out.max_skew = from.integer("maxSkew", 1);
  out.min_domains = from.integer("minDomains", 1);
  out.is_required = from.text("whenUnsatisfiable") != "ScheduleAnyway";
  out.honors_affinity = from.text("nodeAffinityPolicy") != "Ignore";
  out.honors_taints = from.text("nodeTaintsPolicy") == "Honor";
  return out;
}

}  // namespace

bool takes(const PodTerm& term, const std::string& ns, const StringMap& ns_labels, const StringMap& labels) {
  const auto named = std::find(term.namespaces.begin(), term.namespaces.end(), ns) != term.namespaces.end();
  return (named || matches(term.namespace_selector, ns_labels)) && matches(term.selector, labels);
}

PodWishes pod_wishes(const json::object& pod) {
  Issues issues;
  const Reader root(pod, "", issues);
  const auto meta = root.child("metadata");
  const auto spec = root.child("spec");
  const auto affinity = spec.child("affinity");
  PodWishes out;
  if (affinity.present() || spec.has("topologySpreadConstraints")) {
    const Speaker speaker{meta.text("namespace"), meta.text_map("labels")};
    for (const auto& wish : children(affinity.child("nodeAffinity"), kPreferred)) {
      const auto term = wish.child("preference");
      out.nodes.push_back({{read_requirements(term, "matchExpressions"), read_requirements(term, "matchFields")},
                           wish.integer("weight")});
    }
    read_pods(affinity.child("podAffinity"), speaker, 1, out.near, out.rather);
    read_pods(affinity.child("podAntiAffinity"), speaker, -1, out.apart, out.rather);
    for (const auto& one : children(spec, "topologySpreadConstraints")) out.spread.push_back(read_spread(one, speaker));
  }
  return out;
}

}  // namespace berth::model
