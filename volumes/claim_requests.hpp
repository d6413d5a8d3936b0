// volumes/claim_requests.hpp - what is asked for a claim's volume: make it, enlarge it, remove it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/boot_time.hpp"
#include "model/model.hpp"

namespace berth::volumes {

/// Make (or find again) the volume of a claim. It is named after namespace and claim, so the same claim finds the same
/// content; only a pool gives out what others named.
struct ProvisionRequest {
  std::string provisioner;  ///< "berth.io/lvm", ...
  model::StringMap parameters;
  std::vector<std::string> mount_options;
  std::string ns, claim;
  std::int64_t bytes = 0;
  bool block = false;
  std::vector<model::PersistentSource> taken;  ///< Of all PersistentVolumes: a pool gives none of them out again.
  model::StringMap secret = {};  ///< CHAP, of the Secret that parameters iscsiSecretName and -Namespace name; bytes.
  BootTime until = BootTime::max();  ///< Not begun from then on: by then it may be another host's to do.
};

/// What was made.
struct Provisioned {
  model::PersistentSource source;
  std::int64_t bytes = 0;  ///< Its size: at least what was asked.
  bool local = false;      ///< Only this host has it.
};

/// Make it at least `bytes` large, with the file system on it if that is mounted here now (else the next mount grows
/// it).
struct ExpandRequest {
  std::string provisioner;
  model::StringMap parameters;
  model::PersistentSource source;
  std::string ns, claim;
  std::int64_t bytes = 0;
  bool block = false;
};

/// Remove what was made, with its content; a pool's disk is wiped. Gone is success.
struct ReclaimRequest {
  std::string provisioner;
  model::StringMap parameters;
  model::PersistentSource source;
  std::string ns, claim;
  std::vector<std::string> mount_options = {};  ///< The PersistentVolume's: a share is mounted to be cleaned up.
  model::StringMap secret = {};                 ///< As in ProvisionRequest: a LUN is attached to be wiped.
  BootTime until = BootTime::max();             ///< The same.
};

}  // namespace berth::volumes
