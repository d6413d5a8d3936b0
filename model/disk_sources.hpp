// model/disk_sources.hpp - volumes whose content is outside of the pod: exports, targets, disks, paths.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace berth::model {

/// An export of an NFS server, mounted with the PersistentVolume's mountOptions.
struct NfsSource {
  std::string server;  ///< Name or address, as written.
  std::string path;    ///< Absolute, on the server.
  bool read_only = false;
};

/// One LUN of an iSCSI target (RFC 7143).
struct IscsiSource {
  std::string target_portal;         ///< "10.0.0.5" or "10.0.0.5:3260"
  std::vector<std::string> portals;  ///< Further portals of the same target: paths for multipath.
  std::string iqn;
  std::int32_t lun = 0;
  std::string iface = "default";
  std::string initiator_name;  ///< Empty: the host's.
  std::string fs_type;         ///< Empty: ext4.
  bool read_only = false;
  bool chap_discovery = false;
  bool chap_session = false;
  std::string secret_name;  ///< CHAP user names and passwords, type kubernetes.io/iscsi-chap.
  std::string secret_ns;    ///< PersistentVolumes only; empty: the pod's, or the claim's, namespace.
};

/// A disk behind a Fibre Channel adapter: target names with a LUN, or world wide ids.
struct FcSource {
  std::vector<std::string> target_wwns;
  std::optional<std::int32_t> lun;
  std::vector<std::string> wwids;
  std::string fs_type;  ///< Empty: ext4.
  bool read_only = false;
};

/// A cloud's disk, attached to this host by whoever runs it, found by its id.
struct CloudDiskSource {
  std::string kind;   ///< "awsElasticBlockStore", "gcePersistentDisk", "azureDisk", "cinder", "vsphereVolume"
  std::string id;     ///< volumeID, pdName, diskName, volumeID, volumePath
  std::string uri;    ///< azureDisk: diskURI. vsphereVolume: storagePolicyID.
  int partition = 0;  ///< 0: the whole disk.
  std::string fs_type;
  bool read_only = false;
};

/// PersistentVolumes only: a directory, a block device or a disk image (which becomes a loop device) of one node.
struct LocalSource {
  std::string path;
  std::string fs_type;  ///< For devices and images; empty: what is there, else ext4.
};

}  // namespace berth::model
