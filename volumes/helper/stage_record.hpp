// volumes/helper/stage_record.hpp - what is known of a staged device: run_dir/staged/<key>/.
//
//   volume.json   what it is and how it is attached; written before anything is attached, removed after all is detached
//   targets/      a symbolic link to each target that was, or is about to be, published; whose publishing must be
//   undone mount/        where the file system is mounted; pods get binds of it group         the group its files were
//   given to, the last time that was finished lock          flock(2), held while a publish or a release works here
//
// Who may change what: everything under `lock`; only a link in targets/ may go without it, and then only while another
// one stays (that decision is made under a lock on the directory targets/). So the last user of a device always finds
// its own link still there, however often it was killed, and it is the one who releases the device.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/model.hpp"
#include "volumes/helper/file_lock.hpp"

namespace berth::volumes::helper {

struct StageRecord {
  std::string name;  ///< DiskVolume::name of who staged it: for messages.
  model::PersistentSource source;
  bool block = false;
  json::object attachment;  ///< Which attachments are ours to undo; see device.hpp.
};

/// The paths in a staging directory.
struct StageDir {
  explicit StageDir(std::filesystem::path dir);

  std::filesystem::path dir, record, targets, mount, group, lock;
  std::filesystem::path unchecked;  ///< There while it is mounted read-only and would have to be repaired first.
  std::filesystem::path reserved;   ///< There while the disk may be reserved for us: its node, and the key.
};

/// None: nothing was attached, or all is detached. DataLoss: it cannot be understood, so nothing may be done there.
Result<std::optional<StageRecord>> read_record(const StageDir& stage);
Status write_record(const StageDir& stage, const StageRecord& record);

/// The disk that may be reserved for us, and by which key (volumes/helper/scsi_reservation.hpp).
struct ReservedDisk {
  std::filesystem::path device;
  std::uint64_t key = 0;
};
/// Needs `lock`; before the disk is asked.
Status write_reserved(const StageDir& stage, const ReservedDisk& disk);
/// None: none was asked for.
std::optional<ReservedDisk> read_reserved(const StageDir& stage);

/// Notes that `target` is about to be published. Needs `lock`.
Status add_target(const StageDir& stage, const std::filesystem::path& target);

/// All that were noted; none when there is no such directory.
Result<std::vector<std::filesystem::path>> read_targets(const StageDir& stage);

/// Forgets these if others stay, and says whether it did: if not, they are the last and the device is to be released.
Result<bool> leave_to_others(const StageDir& stage, const std::vector<std::filesystem::path>& mine);

/// Forgets these whatever stays. Needs `lock`.
Status forget_targets(const StageDir& stage, const std::vector<std::filesystem::path>& targets);

/// Removes the directory, the lock last: whoever waits for it makes a new one. Needs `lock`; nothing may be mounted.
Status remove_stage(const StageDir& stage);

/// Is `path` `directory` or below it?
bool is_below(const std::filesystem::path& path, const std::filesystem::path& directory);

/// Every directory below run_dir/staged.
Result<std::vector<std::filesystem::path>> staged_dirs(const std::filesystem::path& run_dir);

}  // namespace berth::volumes::helper
