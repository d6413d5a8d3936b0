// cli/describe_volumes.cpp - how volumes, claims, persistent volumes and storage classes are described.
#include <algorithm>

#include <fmt/format.h>

#include "cli/describe_page.hpp"
#include "cli/json_path.hpp"
#include "cli/server.hpp"
#include "cli/tab_text.hpp"

namespace berth::cli::page {

namespace {

/// One kind of volume: kubectl's words for it, and its fields: {title, JSON name, what stands when it is missing}.
struct SourceRow {
  std::string_view key;
  std::string_view words;
  std::vector<std::array<std::string_view, 3>> fields;
};

const std::vector<SourceRow>& sources() {
  static const std::vector<SourceRow> kSources = {
      {"hostPath", "HostPath (bare host directory volume)", {{"Path", "path", ""}, {"HostPathType", "type", ""}}},
      {"emptyDir",
       "EmptyDir (a temporary directory that shares a pod's lifetime)",
       {{"Medium", "medium", ""}, {"SizeLimit", "sizeLimit", "<unset>"}}},
      {"secret",
       "Secret (a volume populated by a Secret)",
       {{"SecretName", "secretName", ""}, {"Optional", "optional", "false"}}},
      {"configMap",
       "ConfigMap (a volume populated by a ConfigMap)",
       {{"Name", "name", ""}, {"Optional", "optional", "false"}}},
      {"persistentVolumeClaim",
       "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
       {{"ClaimName", "claimName", ""}, {"ReadOnly", "readOnly", "false"}}},
      {"nfs",
       "NFS (an NFS mount that lasts the lifetime of a pod)",
       {{"Server", "server", ""}, {"Path", "path", ""}, {"ReadOnly", "readOnly", "false"}}},
      {"iscsi",
       "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)",
       {{"TargetPortal", "targetPortal", ""},
        {"IQN", "iqn", ""},
        {"Lun", "lun", "0"},
        {"ISCSIInterface", "iscsiInterface", "default"},
        {"FSType", "fsType", ""},
        {"ReadOnly", "readOnly", "false"},
        {"Portals", "portals", "[]"},
        {"DiscoveryCHAPAuth", "chapAuthDiscovery", "false"},
        {"SessionCHAPAuth", "chapAuthSession", "false"},
        {"InitiatorName", "initiatorName", "<none>"}}},
      {"local", "LocalVolume (a persistent volume backed by local storage on a node)", {{"Path", "path", ""}}},
      {"awsElasticBlockStore",
       "AWSElasticBlockStore (a Persistent Disk resource in AWS)",
       {{"VolumeID", "volumeID", ""},
        {"FSType", "fsType", ""},
        {"Partition", "partition", "0"},
        {"ReadOnly", "readOnly", "false"}}},
      {"gcePersistentDisk",
       "GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)",
       {{"PDName", "pdName", ""},
        {"FSType", "fsType", ""},
        {"Partition", "partition", "0"},
        {"ReadOnly", "readOnly", "false"}}},
      {"fc",
       "FC (a Fibre Channel disk)",
       {{"TargetWWNs", "targetWWNs", ""},
        {"LUN", "lun", "0"},
        {"FSType", "fsType", ""},
        {"ReadOnly", "readOnly", "false"}}},
      {"azureDisk",
       "AzureDisk (an Azure Data Disk mount on the host and bind mount to the pod)",
       {{"DiskName", "diskName", ""},
        {"DiskURI", "diskURI", ""},
        {"Kind", "kind", ""},
        {"FSType", "fsType", ""},
        {"CachingMode", "cachingMode", ""},
        {"ReadOnly", "readOnly", "false"}}},
      {"cinder",
       "Cinder (a Persistent Disk resource in OpenStack)",
       {{"VolumeID", "volumeID", ""}, {"FSType", "fsType", ""}, {"ReadOnly", "readOnly", "false"}}},
      {"vsphereVolume",
       "vSphereVolume (a Persistent Disk resource in vSphere)",
       {{"VolumePath", "volumePath", ""}, {"FSType", "fsType", ""}, {"StoragePolicyName", "storagePolicyName", ""}}},
      {"csi",
       "CSI (a Container Storage Interface (CSI) volume source)",
       {{"Driver", "driver", ""},
        {"FSType", "fsType", ""},
        {"VolumeHandle", "volumeHandle", ""},
        {"ReadOnly", "readOnly", "false"}}},
  };
  return kSources;
}

void projected(std::string& out, const json::value& source) {
  out += "    Type:\tProjected (a volume that contains injected data from multiple sources)\n";
  for (const auto& one : list(source, {"sources"})) {
    if (const auto* secret = find(one, {"secret"}); secret != nullptr) {
      out += fmt::format("    SecretName:\t{}\n    Optional:\t{}\n", text(*secret, {"name"}),
                         text(*secret, {"optional"}, "<nil>"));
    } else if (const auto* map = find(one, {"configMap"}); map != nullptr) {
      out += fmt::format("    ConfigMapName:\t{}\n    Optional:\t{}\n", text(*map, {"name"}),
                         text(*map, {"optional"}, "<nil>"));
    } else if (find(one, {"downwardAPI"}) != nullptr) {
      out += "    DownwardAPI:\ttrue\n";
    } else if (const auto* token = find(one, {"serviceAccountToken"}); token != nullptr) {
      out += fmt::format("    TokenExpirationSeconds:\t{}\n", number_at(*token, {"expirationSeconds"}, 3600));
    }
  }
}

void downward(std::string& out, const json::value& source) {
  out += "    Type:\tDownwardAPI (a volume populated by information about the pod)\n    Items:\n";
  for (const auto& item : list(source, {"items"})) {
    auto from = text(item, {"fieldRef", "fieldPath"});
    if (from.empty()) from = text(item, {"resourceFieldRef", "resource"});
    out += fmt::format("      {} -> {}\n", from, text(item, {"path"}));
  }
}

/// The fields of whatever volume `holder` is; kinds that kubectl has no words for show theirs as they are named.
void source_of(std::string& out, const json::value& holder) {
  if (!holder.is_object()) return;
  for (const auto& [key, value] : holder.get_object()) {
    const std::string_view name(key.data(), key.size());
    if (name == "name") continue;
    if (name == "projected") return projected(out, value);
    if (name == "downwardAPI") return downward(out, value);
    for (const auto& row : sources()) {
      if (row.key != name) continue;
      out += fmt::format("    Type:\t{}\n", row.words);
      for (const auto& [title, field, missing] : row.fields) {
        if (field == "volumeHandle" && find(value, {field}) == nullptr) continue;
        out += fmt::format("    {}:\t{}\n", title, text(value, {field}, missing));
      }
      return;
    }
    if (!value.is_object()) continue;
    out += fmt::format("    Type:\t{}\n", name);
    for (const auto& [field, detail] : value.get_object()) {
      out += fmt::format("    {}:\t{}\n", std::string_view(field.data(), field.size()), one_line(plain_text(detail)));
    }
    return;
  }
}

std::string status_of(const json::value& object, const Related& related) {
  const auto deleted = text(object, {"metadata", "deletionTimestamp"});
  return deleted.empty() ? text(object, {"status", "phase"})
                         : fmt::format("Terminating (lasts {})", age_text(deleted, related.now));
}

bool mounts_claim(const json::value& pod, std::string_view claim) {
  const auto& all = list(pod, {"spec", "volumes"});
  return std::any_of(all.begin(), all.end(), [&](const json::value& volume) {
    return find_string(volume, {"persistentVolumeClaim", "claimName"}) == claim;
  });
}

std::string fields_of(const json::value& from, Path path) {
  std::string out;
  const auto* map = find(from, path);
  if (map == nullptr || !map->is_object()) return "<none>";
  std::vector<std::string> terms;
  for (const auto& [key, value] : map->get_object()) {
    terms.push_back(fmt::format("{}={}", std::string_view(key.data(), key.size()), one_line(plain_text(value))));
  }
  std::sort(terms.begin(), terms.end());
  return terms.empty() ? "<none>" : fmt::format("{}", fmt::join(terms, ","));
}

void node_affinity(std::string& out, const json::value& object) {
  const auto& terms = list(object, {"spec", "nodeAffinity", "required", "nodeSelectorTerms"});
  out += fmt::format("Node Affinity:\t{}\n", terms.empty() ? "<none>" : "");
  if (terms.empty()) return;
  out += "  Required Terms:\t\n";
  std::size_t number = 0;
  for (const auto& term : terms) {
    const auto title = fmt::format("    Term {}:\t", number++);
    bool first = true;
    for (const auto& one : list(term, {"matchExpressions"})) {
      auto sign = text(one, {"operator"});
      for (auto& c : sign) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      const auto& values = list(one, {"values"});
      out += fmt::format("{}{} {}{}\n", first ? title : "\t", text(one, {"key"}), sign,
                         values.empty() ? "" : fmt::format(" [{}]", joined(values, ", ")));
      first = false;
    }
    if (first) out += title + "<none>\n";
  }
}

}  // namespace

void volumes(std::string& out, std::string_view indent, const json::array& all) {
  if (all.empty()) {
    out += fmt::format("{}Volumes:\t<none>\n", indent);
    return;
  }
  out += fmt::format("{}Volumes:\n", indent);
  for (const auto& one : all) {
    out += fmt::format("  {}{}:\n", indent.empty() ? "" : " ", text(one, {"name"}));
    source_of(out, one);
  }
}

std::string claim(const json::value& object, const Related& related) {
  std::string out = fmt::format("Name:\t{}\nNamespace:\t{}\n", name_of(object), namespace_of(object));
  out += fmt::format("StorageClass:\t{}\n", text(object, {"spec", "storageClassName"}));
  out += fmt::format("Status:\t{}\n", status_of(object, related));
  const auto volume_name = text(object, {"spec", "volumeName"});
  out += fmt::format("Volume:\t{}\n", volume_name);
  labels(out, "", "Labels", find(object, {"metadata", "labels"}));
  annotations(out, "", "Annotations", find(object, {"metadata", "annotations"}));
  out += fmt::format("Finalizers:\t[{}]\n", joined(list(object, {"metadata", "finalizers"}), " "));
  const bool bound = !volume_name.empty();
  out += fmt::format("Capacity:\t{}\n", bound ? text(object, {"status", "capacity", "storage"}) : "");
  out += fmt::format("Access Modes:\t{}\n", bound ? access_modes(list(object, {"status", "accessModes"})) : "");
  out += fmt::format("VolumeMode:\t{}\n", text(object, {"spec", "volumeMode"}, "Filesystem"));
  std::string users;
  for (const auto& one : related.pods) {
    if (mounts_claim(one, name_of(object))) users += fmt::format("{}{}\n", users.empty() ? "" : "\t", name_of(one));
  }
  out += fmt::format("Used By:\t{}", users.empty() ? "<none>\n" : users);
  if (const auto& all = list(object, {"status", "conditions"}); !all.empty()) {
    out += "Conditions:\n  Type\tStatus\tLastProbeTime\tLastTransitionTime\tReason\tMessage\n";
    out += "  ----\t------\t-----------------\t------------------\t------\t-------\n";
    for (const auto& one : all) {
      out += fmt::format("  {} \t{} \t{} \t{} \t{} \t{}\n", text(one, {"type"}), text(one, {"status"}),
                         rfc1123_time(text(one, {"lastProbeTime"})), rfc1123_time(text(one, {"lastTransitionTime"})),
                         text(one, {"reason"}), text(one, {"message"}));
    }
  }
  return out;
}

std::string volume(const json::value& object, const Related& related) {
  std::string out = fmt::format("Name:\t{}\n", name_of(object));
  labels(out, "", "Labels", find(object, {"metadata", "labels"}));
  annotations(out, "", "Annotations", find(object, {"metadata", "annotations"}));
  out += fmt::format("Finalizers:\t[{}]\n", joined(list(object, {"metadata", "finalizers"}), " "));
  out += fmt::format("StorageClass:\t{}\n", text(object, {"spec", "storageClassName"}));
  out += fmt::format("Status:\t{}\n", status_of(object, related));
  const auto claim_name = text(object, {"spec", "claimRef", "name"});
  out += fmt::format(
      "Claim:\t{}\n",
      claim_name.empty() ? "" : fmt::format("{}/{}", text(object, {"spec", "claimRef", "namespace"}), claim_name));
  out += fmt::format("Reclaim Policy:\t{}\n", text(object, {"spec", "persistentVolumeReclaimPolicy"}));
  out += fmt::format("Access Modes:\t{}\n", access_modes(list(object, {"spec", "accessModes"})));
  out += fmt::format("VolumeMode:\t{}\n", text(object, {"spec", "volumeMode"}, "Filesystem"));
  out += fmt::format("Capacity:\t{}\n", text(object, {"spec", "capacity", "storage"}));
  node_affinity(out, object);
  out += fmt::format("Message:\t{}\nSource:\n", text(object, {"status", "message"}));
  const auto* spec = find(object, {"spec"});
  if (spec == nullptr || !spec->is_object()) return out;
  json::object source;
  for (const auto& row : sources()) {
    if (const auto* found = spec->get_object().if_contains(row.key); found != nullptr) source[row.key] = *found;
  }
  source_of(out, source);
  return out;
}

std::string storage_class(const json::value& object, const Related& /*related*/) {
  constexpr std::string_view kDefault = "storageclass.kubernetes.io/is-default-class";
  std::string out = fmt::format("Name:\t{}\n", name_of(object));
  out += fmt::format("IsDefaultClass:\t{}\n",
                     find_string(object, {"metadata", "annotations", kDefault}) == "true" ? "Yes" : "No");
  out += fmt::format("Annotations:\t{}\n", fields_of(object, {"metadata", "annotations"}));
  out += fmt::format("Provisioner:\t{}\n", text(object, {"provisioner"}));
  out += fmt::format("Parameters:\t{}\n", fields_of(object, {"parameters"}));
  out += fmt::format("AllowVolumeExpansion:\t{}\n", find(object, {"allowVolumeExpansion"}) == nullptr ? "<unset>"
                                                    : is_true(object, {"allowVolumeExpansion"})       ? "True"
                                                                                                      : "False");
  const auto& options = list(object, {"mountOptions"});
  out += options.empty() ? "MountOptions:\t<none>\n" : "MountOptions:\n";
  for (const auto& option : options) out += fmt::format("  {}\n", one_line(plain_text(option)));
  out += fmt::format("ReclaimPolicy:\t{}\n", text(object, {"reclaimPolicy"}));
  out += fmt::format("VolumeBindingMode:\t{}\n", text(object, {"volumeBindingMode"}));
  return out;
}

}  // namespace berth::cli::page
