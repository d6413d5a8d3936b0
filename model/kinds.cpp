// model/kinds.cpp - the table of kinds, see meta.hpp.
#include <algorithm>
#include <cassert>
#include <string>

#include "model/meta.hpp"

namespace berth::model {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string KindInfo::api_version() const {
  if (group.empty()) return std::string(version);
  return std::string(group).append("/").append(version);
}

const std::vector<KindInfo>& all_kinds() {
  static const std::vector<KindInfo> kinds = {
      {Kind::Namespace, "Namespace", "", "v1", "namespaces", "namespace", "ns", false},
      {Kind::Node, "Node", "", "v1", "nodes", "node", "no", false},
      {Kind::StorageClass, "StorageClass", "storage.k8s.io", "v1", "storageclasses", "storageclass", "sc", false},
      {Kind::PersistentVolume, "PersistentVolume", "", "v1", "persistentvolumes", "persistentvolume", "pv", false},
      {Kind::ConfigMap, "ConfigMap", "", "v1", "configmaps", "configmap", "cm", true},
      {Kind::Secret, "Secret", "", "v1", "secrets", "secret", "", true},
      {Kind::ServiceAccount, "ServiceAccount", "", "v1", "serviceaccounts", "serviceaccount", "sa", true},
      {Kind::PersistentVolumeClaim, "PersistentVolumeClaim", "", "v1", "persistentvolumeclaims",
       "persistentvolumeclaim", "pvc", true},
      {Kind::Service, "Service", "", "v1", "services", "service", "svc", true},
      {Kind::DaemonSet, "DaemonSet", "apps", "v1", "daemonsets", "daemonset", "ds", true},
      {Kind::StatefulSet, "StatefulSet", "apps", "v1", "statefulsets", "statefulset", "sts", true},
      {Kind::ControllerRevision, "ControllerRevision", "apps", "v1", "controllerrevisions", "controllerrevision", "",
       true},
      {Kind::Pod, "Pod", "", "v1", "pods", "pod", "po", true},
      {Kind::Endpoints, "Endpoints", "", "v1", "endpoints", "endpoints", "ep", true},
      {Kind::EndpointSlice, "EndpointSlice", "discovery.k8s.io", "v1", "endpointslices", "endpointslice", "", true},
      {Kind::Lease, "Lease", "coordination.k8s.io", "v1", "leases", "lease", "", true},
      {Kind::Event, "Event", "", "v1", "events", "event", "ev", true},
  };
  return kinds;
}

const KindInfo& info(Kind kind) {
  const auto index = static_cast<std::size_t>(kind);
  assert(index < all_kinds().size() && all_kinds()[index].kind == kind);
  return all_kinds()[index];
}

const KindInfo* find_kind(std::string_view word) {
  if (word.empty()) return nullptr;
  for (const auto& kind : all_kinds()) {
    for (const auto spelling : {kind.name, kind.plural, kind.singular, kind.short_names}) {
      if (equal_ignoring_case(spelling, word)) return &kind;
    }
  }
  return nullptr;
}

std::string ObjectKey::display() const {
  auto text = std::string(info(kind).name).append(" ");
  if (!ns.empty()) text.append(ns).append("/");
  return text.append(name);
}

}  // namespace berth::model
