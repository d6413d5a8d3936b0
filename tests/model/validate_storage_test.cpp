// tests/model/validate_storage_test.cpp - one row per rule of volumes, claims and classes, and the error it earns.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "model/model.hpp"

namespace berth::model {
namespace {

/// An object from YAML, defaulted, with a name and a namespace.
json::object make(Kind kind, std::string_view yaml) {
  auto value = parse_yaml(yaml);
  EXPECT_TRUE(value.ok()) << yaml << (value ? "" : value.error().message());
  auto raw = value ? value->get_object() : json::object();
  raw["kind"] = info(kind).name;
  raw["apiVersion"] = info(kind).api_version();
  auto& metadata = raw["metadata"];
  if (metadata.is_null()) metadata.emplace_object();
  metadata.get_object()["name"] = "a";
  if (info(kind).namespaced) metadata.get_object()["namespace"] = "default";
  apply_defaults(kind, raw);
  return raw;
}

std::string joined(const std::vector<Problem>& problems) {
  std::string text;
  for (const auto& one : problems) text += one.field + ": " + one.message + "\n";
  return text;
}
std::string errors(Kind kind, std::string_view yaml) { return joined(validate(kind, make(kind, yaml), nullptr)); }
std::string update(Kind kind, const json::object& now, const json::object& old) {
  return joined(validate(kind, now, &old));
}

struct Row {
  const char* yaml;
  const char* error;  ///< How the only error begins; "" for none.
};

template <typename Make, std::size_t N>
void check(Make run, const Row (&rows)[N]) {
  for (const auto& row : rows) {
    const std::string found = run(row.yaml);
    if (*row.error == '\0') {
      EXPECT_EQ(found, "") << row.yaml;
    } else {
      EXPECT_TRUE(found.starts_with(row.error)) << row.yaml << "\ngave: " << found;
      EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 1) << row.yaml << "\ngave: " << found;
    }
  }
}

std::string source(std::string_view yaml) {
  return errors(Kind::Pod,
                fmt::format("spec: {{containers: [{{name: c, image: x}}], volumes: [{{name: v, {}}}]}}", yaml));
}

TEST(ValidateSource, RulesOfEachKind) {
  const Row rows[] = {
      {"nfs: {server: h, path: /p}", ""},
      {"nfs: {server: h}", "spec.volumes[0].nfs.path: required"},
      {"nfs: {path: /p}", "spec.volumes[0].nfs.server: required"},
      {"nfs: {server: h, path: p}", "spec.volumes[0].nfs.path: invalid value: \"p\": must be an absolute path"},
      {"iscsi: {targetPortal: h, iqn: 'iqn.2015-02.example.com:test', lun: 0}", ""},
      {"iscsi: {targetPortal: h, iqn: eui.0123456789abcdef, lun: 255}", ""},
      {"iscsi: {targetPortal: h, iqn: naa.0123456789abcdef0123456789abcdef, lun: 1}", ""},
      {"iscsi: {iqn: 'iqn.2015-02.example.com:test', lun: 0}", "spec.volumes[0].iscsi.targetPortal: required"},
      {"iscsi: {targetPortal: h, lun: 0}", "spec.volumes[0].iscsi.iqn: required"},
      {"iscsi: {targetPortal: h, iqn: disk, lun: 0}",
       "spec.volumes[0].iscsi.iqn: invalid value: \"disk\": must be valid format starting with iqn, eui, or naa"},
      {"iscsi: {targetPortal: h, iqn: iqn.2015-02.example.com, lun: 0}",
       "spec.volumes[0].iscsi.iqn: invalid value: \"iqn.2015-02.example.com\": must be valid format"},
      {"iscsi: {targetPortal: h, iqn: 'iqn.2015-2.example.com:a', lun: 0}", "spec.volumes[0].iscsi.iqn: invalid"},
      {"iscsi: {targetPortal: h, iqn: 'iqn.2015-02.example.com:a b', lun: 0}", "spec.volumes[0].iscsi.iqn: invalid"},
      {"iscsi: {targetPortal: h, iqn: eui.0123, lun: 0}", "spec.volumes[0].iscsi.iqn: invalid"},
      {"iscsi: {targetPortal: h, iqn: 'iqn.2015-02.example.com:test', lun: 256}",
       "spec.volumes[0].iscsi.lun: invalid value: 256: must be between 0 and 255, inclusive"},
      {"iscsi: {targetPortal: h, iqn: 'iqn.2015-02.example.com:test', lun: 0, initiatorName: me}",
       "spec.volumes[0].iscsi.initiatorName: invalid value: \"me\": must be valid format starting with"},
      {"iscsi: {targetPortal: h, iqn: 'iqn.2015-02.example.com:test', lun: 0, chapAuthSession: true}",
       "spec.volumes[0].iscsi.secretRef: required"},
      {"iscsi: {targetPortal: h, iqn: 'iqn.2015-02.example.com:test', lun: 0, chapAuthDiscovery: true, secretRef: "
       "{name: s}}",
       ""},
      {"iscsi: {targetPortal: h, iqn: 'iqn.2015-02.example.com:test', lun: 0, secretRef: {}}",
       "spec.volumes[0].iscsi.secretRef.name: required"},
      {"fc: {targetWWNs: ['500a0982991b8dc5'], lun: 2}", ""},
      {"fc: {wwids: ['3600508b400105e210000900000490000']}", ""},
      {"fc: {}", "spec.volumes[0].fc.targetWWNs: required: must specify either targetWWNs or wwids, but not both"},
      {"fc: {targetWWNs: [a]}", "spec.volumes[0].fc.lun: required: lun is required if targetWWNs is specified"},
      {"fc: {targetWWNs: [a], lun: 256}", "spec.volumes[0].fc.lun: invalid value: 256"},
      {"fc: {targetWWNs: [a], lun: 1, wwids: [b]}",
       "spec.volumes[0].fc.targetWWNs: invalid value: targetWWNs and wwids can not be specified simultaneously"},
      {"awsElasticBlockStore: {volumeID: vol-1}", ""},
      {"awsElasticBlockStore: {}", "spec.volumes[0].awsElasticBlockStore.volumeID: required"},
      {"awsElasticBlockStore: {volumeID: vol-1, partition: 256}",
       "spec.volumes[0].awsElasticBlockStore.partition: invalid value: 256: must be between 0 and 255, inclusive"},
      {"gcePersistentDisk: {}", "spec.volumes[0].gcePersistentDisk.pdName: required"},
      {"gcePersistentDisk: {pdName: d, partition: one}",
       "spec.volumes[0].gcePersistentDisk.partition: expected an integer"},
      {"cinder: {}", "spec.volumes[0].cinder.volumeID: required"},
      {"vsphereVolume: {fsType: xfs}", "spec.volumes[0].vsphereVolume.volumePath: required"},
      {"azureDisk: {diskName: d, diskURI: 'https://a.blob.core.windows.net/c/d.vhd'}", ""},
      {"azureDisk: {diskName: d}", "spec.volumes[0].azureDisk.diskURI: required"},
      {"azureDisk: {diskName: d, diskURI: /subscriptions/x, kind: Managed}", ""},
      {"azureDisk: {diskName: d, diskURI: 'https://x', kind: Managed}",
       "spec.volumes[0].azureDisk.diskURI: unsupported value: \"https://x\": supported values: \"/subscriptions/"},
      {"azureDisk: {diskName: d, diskURI: 'https://x', cachingMode: Some}",
       "spec.volumes[0].azureDisk.cachingMode: unsupported value"},
      {"csi: {}", "spec.volumes[0].csi.driver: required"},
  };
  check(source, rows);
}

TEST(ValidateSource, WhatIsHonouredEarnsNoWarningAndWhatIsNotSaysThatThePodWillNotStart) {
  const auto warnings = [](std::string_view yaml) {
    return joined(unknown_fields(
        Kind::Pod, make(Kind::Pod, fmt::format("spec: {{containers: [{{name: c, image: x, volumeDevices: [{{name: v, "
                                               "devicePath: /d}}]}}], volumes: [{{name: v, {}}}]}}",
                                               yaml))));
  };
  for (const auto* fine :
       {"nfs: {server: h, path: /p}", "fc: {wwids: [a]}", "gcePersistentDisk: {pdName: d, fsType: ext4}",
        "azureDisk: {diskName: d, diskURI: u}", "cinder: {volumeID: d}", "vsphereVolume: {volumePath: '[a] b'}",
        "iscsi: {targetPortal: h, iqn: i, lun: 0, chapAuthSession: true, secretRef: {name: s}}"}) {
    EXPECT_EQ(warnings(fine), "") << fine;
  }
  EXPECT_EQ(warnings("csi: {driver: d}"),
            "spec.volumes[0].csi: volumes of this kind cannot be mounted here: a pod that uses it does not start\n");
  EXPECT_EQ(warnings("gcePersistentDisk: {pdNam: d}"),
            "spec.volumes[0].gcePersistentDisk.pdNam: unknown field, ignored; did you mean pdName?\n");
}

TEST(ValidateDevices, AVolumeOfAClaimIsEitherMountedOrADevice) {
  const auto container = [](std::string_view yaml) {
    return errors(Kind::Pod,
                  fmt::format("spec: {{volumes: [{{name: e}}, {{name: v, persistentVolumeClaim: {{claimName: "
                              "c}}}}], containers: [{{name: c, image: x, {}}}]}}",
                              yaml));
  };
  const Row rows[] = {
      {"volumeDevices: [{name: v, devicePath: /dev/x}]", ""},
      {"volumeDevices: [{devicePath: /dev/x}]", "spec.containers[0].volumeDevices[0].name: required"},
      {"volumeDevices: [{name: v}]", "spec.containers[0].volumeDevices[0].devicePath: required"},
      {"volumeDevices: [{name: w, devicePath: /dev/x}]", "spec.containers[0].volumeDevices[0].name: not found: \"w\""},
      {"volumeDevices: [{name: e, devicePath: /dev/x}]",
       "spec.containers[0].volumeDevices[0].name: invalid value: \"e\": can only use volume source type of "
       "PersistentVolumeClaim or Ephemeral for block mode"},
      {"volumeDevices: [{name: v, devicePath: /dev/x}, {name: v, devicePath: /dev/y}]",
       "spec.containers[0].volumeDevices[1].name: invalid value: \"v\": must be unique"},
      {"volumeDevices: [{name: v, devicePath: /dev/../x}]",
       "spec.containers[0].volumeDevices[0].devicePath: invalid value: \"/dev/../x\": can not contain backsteps"},
      {"volumeDevices: [{name: v, devicePath: /dev/x}], volumeMounts: [{name: v, mountPath: /d}]",
       "spec.containers[0].volumeMounts[0].name: invalid value: \"v\": must not already exist in volumeDevices"},
      {"volumeDevices: [{name: v, devicePath: /d}], volumeMounts: [{name: e, mountPath: /d}]",
       "spec.containers[0].volumeMounts[0].mountPath: invalid value: \"/d\": must not already exist as a path in "
       "volumeDevices"},
  };
  check(container, rows);
  EXPECT_EQ(errors(Kind::StatefulSet,
                   "spec: {serviceName: w, selector: {matchLabels: {a: b}}, volumeClaimTemplates: [{metadata: {name: "
                   "data}, spec: {volumeMode: Block, accessModes: [ReadWriteOnce], resources: {requests: {storage: "
                   "1Gi}}}}], template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x, "
                   "volumeDevices: [{name: data, devicePath: /dev/data}]}]}}}"),
            "");
}

TEST(ValidateClaim, Rules) {
  const Row rows[] = {
      {"spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}", ""},
      {"spec: {accessModes: [RWO], resources: {requests: {storage: 1Gi}}}",
       "spec.accessModes: unsupported value: \"RWO\""},
      {"spec: {accessModes: [ReadWriteOncePod], resources: {requests: {storage: 1Gi}}}", ""},
      {"spec: {accessModes: [ReadWriteOncePod, ReadOnlyMany], resources: {requests: {storage: 1Gi}}}",
       "spec.accessModes: forbidden: may not use ReadWriteOncePod with other access modes"},
      {"spec: {accessModes: [ReadWriteOnce]}", "spec.resources.requests.storage: required"},
      {"spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 0}}}",
       "spec.resources.requests.storage: invalid value: \"0\": must be greater than zero"},
  };
  check([](std::string_view yaml) { return errors(Kind::PersistentVolumeClaim, yaml); }, rows);
}

TEST(ValidateVolume, Rules) {
  const Row rows[] = {
      {"hostPath: {path: /x}", ""},
      {"persistentVolumeReclaimPolicy: Retain", "spec: required: must specify a volume type"},
      {"hostPath: {path: /x/../y}", "spec.hostPath.path: invalid value: \"/x/../y\": must not contain '..'"},
      {"hostPath: {path: /x}, nfs: {server: h, path: /y}",
       "spec.nfs: forbidden: may not specify more than 1 volume type"},
      {"hostPath: {path: /x}, mountOptions: [ro]",
       "spec.mountOptions: forbidden: may not specify mount options for this volume type"},
      {"hostPath: {path: /}, persistentVolumeReclaimPolicy: Recycle",
       "spec.persistentVolumeReclaimPolicy: forbidden: may not be 'recycle' for a hostPath mount of '/'"},
      {"nfs: {server: h, path: /y}, mountOptions: [nfsvers=4.1]", ""},
      {"local: {path: /x}", "spec.nodeAffinity: required: local volume requires node affinity"},
      {"local: {path: /x/../y}, nodeAffinity: {required: {nodeSelectorTerms: [{}]}}",
       "spec.local.path: invalid value: \"/x/../y\": must not contain '..'"},
      {"iscsi: {targetPortal: h, iqn: 'iqn.2015-02.example.com:test', lun: 0, chapAuthSession: true, secretRef: {name: "
       "s, namespace: other}}",
       ""},
      {"csi: {driver: d}", "spec.csi.volumeHandle: required"},
      {"fc: {targetWWNs: [a], lun: -1}", "spec.fc.lun: invalid value: -1"},
  };
  check(
      [](std::string_view yaml) {
        return errors(Kind::PersistentVolume,
                      fmt::format("spec: {{accessModes: [ReadWriteOnce], capacity: {{storage: 1Gi}}, {}}}", yaml));
      },
      rows);
}

TEST(ValidateClass, Rules) {
  EXPECT_EQ(errors(Kind::StorageClass, "reclaimPolicy: Delete"), "provisioner: required\n");
  EXPECT_EQ(errors(Kind::StorageClass, "provisioner: a.b/c\nvolumeBindingMode: Later").substr(0, 44),
            "volumeBindingMode: unsupported value: \"Later");
}

TEST(ValidateAttachment, SaysWhichVolumeIsWhose) {
  EXPECT_EQ(
      errors(Kind::VolumeAttachment, "spec: {attacher: berth.io, nodeName: n1, source: {persistentVolumeName: p}}"),
      "");
  EXPECT_EQ(errors(Kind::VolumeAttachment, "spec: {}"),
            "spec.attacher: required\nspec.nodeName: required\nspec.source.persistentVolumeName: required\n");
}

TEST(ValidateUpdate, AClaimOnlyGrowsAndOnlyWhenItIsBound) {
  const auto claim = [](const char* size, const char* volume, const char* capacity = "") {
    return make(Kind::PersistentVolumeClaim,
                fmt::format("spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: {}}}}}, "
                            "volumeName: '{}'}}\nstatus: {{phase: {}, capacity: {{{}}}}}",
                            size, volume, *capacity == '\0' ? "Pending" : "Bound",
                            *capacity == '\0' ? std::string() : fmt::format("storage: {}", capacity)));
  };
  constexpr auto kKind = Kind::PersistentVolumeClaim;
  constexpr std::string_view kImmutable = "spec: forbidden: spec is immutable after creation except resources.requests";
  const auto unbound = claim("2Gi", "");
  const auto bound = claim("2Gi", "pv0", "2Gi");
  EXPECT_EQ(update(kKind, claim("2Gi", "pv0"), unbound), "") << "binding";
  EXPECT_EQ(update(kKind, claim("2048Mi", ""), unbound), "") << "the same amount";
  EXPECT_TRUE(update(kKind, claim("3Gi", ""), unbound).starts_with(kImmutable));
  EXPECT_EQ(update(kKind, claim("3Gi", "pv0", "2Gi"), bound), "");
  EXPECT_EQ(update(kKind, claim("1Gi", "pv0", "2Gi"), bound),
            "spec.resources.requests.storage: forbidden: field can not be less than status.capacity\n");
  const auto growing = claim("5Gi", "pv0", "2Gi");
  EXPECT_EQ(update(kKind, claim("3Gi", "pv0", "2Gi"), growing), "") << "a growth that failed is taken back";
  EXPECT_NE(update(kKind, claim("2Gi", "pv0", "2Gi"), growing), "");
  EXPECT_TRUE(update(kKind, claim("2Gi", "pv1", "2Gi"), bound).starts_with(kImmutable));
}

TEST(ValidateUpdate, WhereAVolumeIsDoesNotChange) {
  const auto volume = [](std::string_view source) {
    return make(Kind::PersistentVolume,
                fmt::format("spec: {{accessModes: [ReadWriteOnce], capacity: {{storage: 1Gi}}, {}}}", source));
  };
  const auto old = volume("nfs: {server: h, path: /a}");
  EXPECT_EQ(update(Kind::PersistentVolume, volume("nfs: {server: h, path: /a}, storageClassName: x"), old), "");
  EXPECT_EQ(update(Kind::PersistentVolume, volume("nfs: {server: h, path: /b}"), old),
            "spec.persistentvolumesource: forbidden: spec.persistentvolumesource is immutable after creation\n");
  EXPECT_EQ(update(Kind::PersistentVolume, volume("nfs: {server: h, path: /a}, volumeMode: Block"), old),
            "spec.volumeMode: invalid value: field is immutable\n");
}

TEST(DecodeVolume, MountOptionsOfTheAnnotationGoBeforeThoseOfTheField) {
  auto raw = make(Kind::PersistentVolume,
                  "metadata: {annotations: {volume.beta.kubernetes.io/mount-options: 'ro,soft'}}\n"
                  "spec: {nfs: {server: h, path: /a}, mountOptions: [hard]}");
  const auto volume = decode_volume(*make_object(std::move(raw)));
  ASSERT_TRUE(volume);
  EXPECT_EQ(volume->mount_options, (std::vector<std::string>{"ro", "soft"}));
}

}  // namespace
}  // namespace berth::model
