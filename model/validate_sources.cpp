// model/validate_sources.cpp - the sources that volumes of pods and PersistentVolumes share: paths, exports, disks.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

constexpr std::int64_t kMostLun = 255;
constexpr std::int64_t kMostPartition = 255;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string no_backsteps(std::string_view path) {
  for (std::size_t from = 0; from <= path.size();) {
    const auto slash = std::min(path.find('/', from), path.size());
    if (path.substr(from, slash - from) == "..") return "must not contain '..'";
    from = slash + 1;
  }
  return {};
}

std::string absolute_no_backsteps(std::string_view path) {
  auto why = absolute_path_error(path);
  return why.empty() ? no_backsteps(path) : why;
}

/// "iqn.2001-05.com.example:disk1", after its "iqn": Kubernetes wants the part behind the colon, which RFC 3720 does
/// not.
bool is_iqn_rest(std::string_view text) {
  constexpr std::string_view kDate = ".0000-00.";
  if (text.size() <= kDate.size()) return false;
  for (std::size_t i = 0; i < kDate.size(); ++i) {
    if (kDate[i] == '0' ? !is_digit(text[i]) : text[i] != kDate[i]) return false;
  }
  text.remove_prefix(kDate.size());
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  const auto authority = text.substr(0, colon);
  const auto in_authority = [](char c) { return is_alnum(c) || c == '-' || c == '.'; };
  const auto in_name = [](char c) { return std::string_view(",;*&$| \t\r\n\f\v").find(c) == std::string_view::npos; };
  return std::all_of(authority.begin(), authority.end(), in_authority) &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(colon) + 1, text.end(), in_name);
}

bool is_hex_name(std::string_view text, std::size_t digits) {
  return text.size() == digits + 1 && text.front() == '.' && std::all_of(text.begin() + 1, text.end(), is_alnum);
}

/// An iSCSI name, RFC 3721 section 1.1.
std::string iscsi_name_error(std::string_view name) {
  const auto rest = name.size() < 3 ? std::string_view() : name.substr(3);
  bool good = false;
  if (name.starts_with("iqn")) {
    good = is_iqn_rest(rest);
  } else if (name.starts_with("eui")) {
    good = is_hex_name(rest, 16);
  } else if (name.starts_with("naa")) {
    good = is_hex_name(rest, 32);
  } else {
    return "must be valid format starting with iqn, eui, or naa";
  }
  return good ? std::string() : "must be valid format";
}

void check_host_path(const Reader& from) {
  if (require_text(from, "path")) check_text(from, "path", absolute_no_backsteps);
  check_choice(from, "type",
               {"", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"});
}

void check_nfs(const Reader& from) {
  require_text(from, "server");
  if (require_text(from, "path")) check_text(from, "path", absolute_path_error);
}

void check_iscsi(const Reader& from, std::string_view volume_name) {
  require_text(from, "targetPortal");
  if (require_text(from, "iqn")) check_text(from, "iqn", iscsi_name_error);
  check_range(from, "lun", 0, kMostLun);
  check_text(from, "initiatorName", iscsi_name_error);
  const bool chap = from.flag("chapAuthDiscovery") || from.flag("chapAuthSession");
  if (const auto secret = from.child("secretRef"); secret.present()) {
    require_text(secret, "name");
  } else if (chap) {
    from.fail("secretRef", "required");
  }
  // Of the two Kubernetes makes the name of an initiator interface.
  const auto portal = from.text("targetPortal");
  if (!volume_name.empty() && from.has("initiatorName") && volume_name.size() + 1 + portal.size() > 64) {
    from.fail("targetPortal", invalid(portal,
                                      "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters "
                                      "if iscsi.initiatorName is specified."));
  }
}

void check_fc(const Reader& from) {
  const bool names = !from.texts("targetWWNs").empty();
  const bool ids = !from.texts("wwids").empty();
  if (!names && !ids) from.fail("targetWWNs", "required: must specify either targetWWNs or wwids, but not both");
  if (names && ids) {
    from.fail("targetWWNs", "invalid value: targetWWNs and wwids can not be specified simultaneously");
  }
  if (names && !from.has("lun")) from.fail("lun", "required: lun is required if targetWWNs is specified");
  if (names) check_range(from, "lun", 0, kMostLun);
}

void check_azure_disk(const Reader& from) {
  require_text(from, "diskName");
  const bool has_uri = require_text(from, "diskURI");
  check_choice(from, "cachingMode", {"None", "ReadOnly", "ReadWrite"});
  check_choice(from, "kind", {"Dedicated", "Managed", "Shared"});
  if (!has_uri || !from.has("kind")) return;
  const auto uri = from.text("diskURI");
  const bool managed = from.text("kind") == "Managed";
  if (uri.starts_with(managed ? "/subscriptions/" : "https://")) return;
  from.fail("diskURI", fmt::format("unsupported value: \"{}\": supported values: \"{}\"", uri.substr(0, 80),
                                   managed ? "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/"
                                             "microsoft.compute/disks/{disk-id}"
                                           : "https://{account-name}.blob.core.windows.net/{container-name}/"
                                             "{disk-name}.vhd"));
}

void check_cloud_disks(const Reader& holder) {
  constexpr std::array<std::array<std::string_view, 2>, 4> kIds{{{"awsElasticBlockStore", "volumeID"},
                                                                 {"gcePersistentDisk", "pdName"},
                                                                 {"cinder", "volumeID"},
                                                                 {"vsphereVolume", "volumePath"}}};
  for (const auto& [kind, id] : kIds) {
    const auto from = holder.child(kind);
    if (!from.present()) continue;
    require_text(from, id);
    check_range(from, "partition", 0, kMostPartition);
    if (const auto secret = from.child("secretRef"); secret.present()) require_text(secret, "name");
  }
  if (const auto from = holder.child("azureDisk"); from.present()) check_azure_disk(from);
}

}  // namespace

void check_shared_sources(const Reader& holder, std::string_view volume_name) {
  if (const auto from = holder.child("hostPath"); from.present()) check_host_path(from);
  if (const auto from = holder.child("nfs"); from.present()) check_nfs(from);
  if (const auto from = holder.child("iscsi"); from.present()) check_iscsi(from, volume_name);
  if (const auto from = holder.child("fc"); from.present()) check_fc(from);
  check_cloud_disks(holder);
  if (const auto from = holder.child("csi"); from.present()) {
    require_text(from, "driver");
    if (!volume_name.empty()) require_text(from, "volumeHandle");
  }
  if (const auto from = holder.child("local"); from.present() && require_text(from, "path")) {
    check_text(from, "path", absolute_no_backsteps);
  }
}

void check_foreign_sources(const Reader& holder) {
  struct Need {
    std::string_view kind;
    std::array<std::string_view, 3> texts;
    std::string_view list;
  };
  static constexpr Need kNeeds[] = {
      {"azureFile", {{"secretName", "shareName"}}, {}},
      {"cephfs", {{}}, "monitors"},
      {"flexVolume", {{"driver"}}, {}},
      {"gitRepo", {{"repository"}}, {}},
      {"glusterfs", {{"endpoints", "path"}}, {}},
      {"photonPersistentDisk", {{"pdID"}}, {}},
      {"portworxVolume", {{"volumeID"}}, {}},
      {"quobyte", {{"registry", "volume"}}, {}},
      {"rbd", {{"image"}}, "monitors"},
      {"scaleIO", {{"gateway", "system", "volumeName"}}, {}},
  };
  for (const auto& need : kNeeds) {
    const auto from = holder.child(need.kind);
    if (!from.present()) continue;
    for (const auto name : need.texts) {
      if (!name.empty()) require_text(from, name);
    }
    if (!need.list.empty() && from.texts(need.list).empty()) from.fail(need.list, "required");
  }
  if (const auto from = holder.child("flocker"); from.present()) {
    const bool name = !from.text("datasetName").empty();
    const bool uuid = !from.text("datasetUUID").empty();
    if (!name && !uuid) from.fail("", "required: one of datasetName and datasetUUID is required");
    if (name && uuid)
      from.fail("", "invalid value: resource: datasetName and datasetUUID can not be specified simultaneously");
  }
  if (const auto from = holder.child("ephemeral"); from.present()) {
    if (!from.child("volumeClaimTemplate").present()) {
      from.fail("volumeClaimTemplate", "required");
    } else {
      check_claim_spec(from.child("volumeClaimTemplate").child("spec"));
    }
  }
}

}  // namespace berth::model
