// model/disk_source_json.cpp - the sources of PersistentVolumes between JSON and struct.
#include <array>
#include <utility>

#include "model/decode_internal.hpp"
#include "model/model.hpp"
#include "model/schema.hpp"

namespace berth::model {
namespace {

NfsSource read_nfs(const Reader& from) { return {from.text("server"), from.text("path"), from.flag("readOnly")}; }

IscsiSource read_iscsi(const Reader& from) {
  IscsiSource source;
  source.target_portal = from.text("targetPortal");
  source.portals = from.texts("portals");
  source.iqn = from.text("iqn");
  source.lun = from.int32("lun");
  source.iface = from.text("iscsiInterface", "default");
  source.initiator_name = from.text("initiatorName");
  source.fs_type = from.text("fsType");
  source.read_only = from.flag("readOnly");
  source.chap_discovery = from.flag("chapAuthDiscovery");
  source.chap_session = from.flag("chapAuthSession");
  source.secret_name = from.child("secretRef").text("name");
  source.secret_ns = from.child("secretRef").text("namespace");
  return source;
}

FcSource read_fc(const Reader& from) {
  return {from.texts("targetWWNs"), from.maybe_int32("lun"), from.texts("wwids"), from.text("fsType"),
          from.flag("readOnly")};
}

/// The clouds' sources differ in names only.
struct CloudDiskNames {
  std::string_view kind;
  std::string_view id;
  std::string_view uri;
};
constexpr std::array<CloudDiskNames, 5> kCloudDisks{{{"awsElasticBlockStore", "volumeID", ""},
                                                     {"gcePersistentDisk", "pdName", ""},
                                                     {"azureDisk", "diskName", "diskURI"},
                                                     {"cinder", "volumeID", ""},
                                                     {"vsphereVolume", "volumePath", "storagePolicyID"}}};

CloudDiskSource read_cloud_disk(const Reader& from, const CloudDiskNames& names) {
  CloudDiskSource source;
  source.kind = names.kind;
  source.id = from.text(names.id);
  if (!names.uri.empty()) source.uri = from.text(names.uri);
  source.partition = from.int32("partition");
  source.fs_type = from.text("fsType");
  source.read_only = from.flag("readOnly");
  return source;
}

void put(json::object& into, std::string_view name, const std::string& text) {
  if (!text.empty()) into[name] = text;
}
void put(json::object& into, std::string_view name, bool flag) {
  if (flag) into[name] = true;
}
void put(json::object& into, std::string_view name, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  json::array array;
  for (const auto& text : texts) array.emplace_back(text);
  into[name] = std::move(array);
}

/// One overload per source: its member of a PersistentVolume's spec.
struct Encode {
  json::object operator()(const HostPathSource& source) const {
    return {{"hostPath", {{"path", source.path}, {"type", source.type}}}};
  }
  json::object operator()(const LocalSource& source) const {
    json::object local = {{"path", source.path}};
    put(local, "fsType", source.fs_type);
    return {{"local", std::move(local)}};
  }
  json::object operator()(const NfsSource& source) const {
    json::object nfs = {{"server", source.server}, {"path", source.path}};
    put(nfs, "readOnly", source.read_only);
    return {{"nfs", std::move(nfs)}};
  }
  json::object operator()(const IscsiSource& source) const {
    json::object iscsi = {{"targetPortal", source.target_portal},
                          {"iqn", source.iqn},
                          {"lun", source.lun},
                          {"iscsiInterface", source.iface}};
    put(iscsi, "portals", source.portals);
    put(iscsi, "initiatorName", source.initiator_name);
    put(iscsi, "fsType", source.fs_type);
    put(iscsi, "readOnly", source.read_only);
    put(iscsi, "chapAuthDiscovery", source.chap_discovery);
    put(iscsi, "chapAuthSession", source.chap_session);
    if (!source.secret_name.empty()) {
      json::object secret = {{"name", source.secret_name}};
      put(secret, "namespace", source.secret_ns);
      iscsi["secretRef"] = std::move(secret);
    }
    return {{"iscsi", std::move(iscsi)}};
  }
  json::object operator()(const FcSource& source) const {
    json::object fc;
    put(fc, "targetWWNs", source.target_wwns);
    if (source.lun) fc["lun"] = *source.lun;
    put(fc, "wwids", source.wwids);
    put(fc, "fsType", source.fs_type);
    put(fc, "readOnly", source.read_only);
    return {{"fc", std::move(fc)}};
  }
  json::object operator()(const CloudDiskSource& source) const {
    json::object disk;
    for (const auto& names : kCloudDisks) {
      if (names.kind != source.kind) continue;
      put(disk, names.id, source.id);
      if (!names.uri.empty()) put(disk, names.uri, source.uri);
    }
    if (source.partition != 0) disk["partition"] = source.partition;
    put(disk, "fsType", source.fs_type);
    put(disk, "readOnly", source.read_only);
    return {{source.kind, std::move(disk)}};
  }
  json::object operator()(const UnsupportedSource& source) const { return {{source.kind, json::object()}}; }
};

}  // namespace

std::optional<DiskSource> read_disk_source(const Reader& parent) {
  if (const auto from = parent.child("nfs"); from.present()) return read_nfs(from);
  if (const auto from = parent.child("iscsi"); from.present()) return read_iscsi(from);
  if (const auto from = parent.child("fc"); from.present()) return read_fc(from);
  for (const auto& names : kCloudDisks) {
    if (const auto from = parent.child(names.kind); from.present()) return read_cloud_disk(from, names);
  }
  return std::nullopt;
}

PersistentSource read_persistent_source(const Reader& spec) {
  if (const auto from = spec.child("hostPath"); from.present()) {
    return HostPathSource{from.text("path"), from.text("type")};
  }
  if (const auto from = spec.child("local"); from.present()) return LocalSource{from.text("path"), from.text("fsType")};
  if (auto disk = read_disk_source(spec)) {
    return std::visit([](auto&& source) -> PersistentSource { return std::forward<decltype(source)>(source); },
                      *std::move(disk));
  }
  if (spec.present()) {
    for (const auto& entry : *spec.raw()) {
      const std::string_view name(entry.key().data(), entry.key().size());
      if (entry.value().is_object() && is_persistent_volume_source(name)) return UnsupportedSource{std::string(name)};
    }
  }
  return UnsupportedSource{};
}

Result<PersistentSource> decode_source(const json::object& spec) {
  Issues issues;
  auto source = read_persistent_source(Reader(spec, "", issues));
  return unless_issues(std::move(source), issues);
}

json::object encode_source(const PersistentSource& source) { return std::visit(Encode{}, source); }

}  // namespace berth::model
