// volumes/helper/pool_provisioner.cpp - see pool_provisioner.hpp.
#include "volumes/helper/pool_provisioner.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "volumes/helper/block_device.hpp"
#include "volumes/helper/claim_lock.hpp"
#include "volumes/helper/iscsi.hpp"
#include "volumes/helper/pool_devices.hpp"
#include "volumes/helper/sizes.hpp"
#include "volumes/host_registry.hpp"
#include "volumes/names.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

class PoolProvisioner final : public Provisioner {
 public:
  Answer provision(const ProvisionJob& job) override;
  Answer expand(const ExpandJob& job) override;
  Answer reclaim(const ReclaimJob& job) override;
};

std::string describe(const PoolParameters& parameters) {
  return parameters.match.empty() ? fmt::format("of target {}", parameters.target.iqn)
                                  : fmt::format("\"{}\"", fmt::join(parameters.match, ","));
}

/// The PersistentVolume's source of a device that a claim has.
model::PersistentSource source_of(const PoolParameters& parameters, const PoolRecord& record) {
  auto source = parameters.target;
  source.fs_type = record.fs_type;
  for (const auto lun : parameters.luns) {
    source.lun = lun;
    if (lun_name(source) == record.device) return source;
  }
  return model::LocalSource{record.device, record.fs_type};
}

Answer answer(const PoolParameters& parameters, const PoolRecord& record, std::int64_t wanted) {
  if (record.bytes < wanted) {
    return Error(ErrorCode::ResourceExhausted,
                 fmt::format("the claim has {} already, which is too small: {}, and {} asked for", record.device,
                             format_bytes(record.bytes), format_bytes(wanted)));
  }
  return provisioned(source_of(parameters, record), record.bytes, /*local=*/!parameters.match.empty());
}

/// What other agents of this machine have given out is not free either.
Status add_records_of_others(const fs::path& state_dir, std::vector<PoolRecord>& records) {
  const auto state_dirs = all_state_dirs(state_dir);
  if (!state_dirs) return state_dirs.error();
  for (std::size_t other = 1; other < state_dirs->size(); ++other) {  // the first is our own
    const auto theirs = PoolRecords((*state_dirs)[other]).read();
    if (!theirs) return theirs.error();
    records.insert(records.end(), theirs->begin(), theirs->end());
  }
  return Ok{};
}

Answer PoolProvisioner::provision(const ProvisionJob& job) {
  const auto parameters = pool_parameters(job.parameters);
  if (!parameters) return parameters.error();
  if (auto checked = check_name("namespace", job.ns); !checked) return checked.error();
  if (auto checked = check_name("claim", job.claim); !checked) return checked.error();
  const PoolRecords pool(job.state_dir);
  const auto lock = take_lock("pool", "the pools", HandDown::No);
  if (!lock) return lock.error();
  if (auto noted = note_agent({job.run_dir, job.state_dir}); !noted) return noted.error();
  auto records = pool.read();
  if (!records) return records.error();
  for (const auto& record : *records) {
    // One of another pool is kept for this claim, and is of no use here.
    if (!record.is_of(job.ns, job.claim) || !is_of_pool(*parameters, record.device)) continue;
    if (record.device.starts_with('/') && !block_number(record.device)) {
      return Error(ErrorCode::Unavailable,
                   fmt::format("the claim has {}, which is not here now; it gets no other", record.device));
    }
    return answer(*parameters, record, job.bytes);
  }
  if (auto others = add_records_of_others(job.state_dir, *records); !others) return others.error();
  const auto host = look_at_host(job.run_dir);
  if (!host) return host.error();
  const auto devices = parameters->match.empty()
                           ? find_luns(*parameters, job, *records, *host)
                           : Result<std::vector<PoolDevice>>(find_disks(*parameters, job, *records, *host));
  if (!devices) return devices.error();
  std::vector<Candidate> candidates;
  for (const auto& device : *devices) candidates.push_back(device.candidate);
  const auto chosen = choose(candidates, job.bytes, describe(*parameters));
  if (!chosen) return chosen.error();
  const auto& device = devices->at(*chosen);
  const auto fs_type = device.fs_type.empty() ? parameters->fs_type : device.fs_type;
  const PoolRecord record{.device = device.candidate.name,
                          .ns = job.ns,
                          .claim = job.claim,
                          .bytes = device.candidate.bytes,
                          .fs_type = job.block ? std::string() : fs_type};
  if (auto written = pool.write(record); !written) return written.error();
  return answer(*parameters, record, job.bytes);
}

Answer PoolProvisioner::expand(const ExpandJob& /*job*/) {
  return Error(ErrorCode::Unimplemented, "a device of a pool has the size it has");
}

/// Wipes what nobody uses.
Status wipe_unused(const std::string& name, const fs::path& device, Wipe how, const fs::path& run_dir) {
  const auto number = block_number(device);
  if (!number) return number.error();
  const auto host = look_at_host(run_dir);
  if (!host) return host.error();
  if (const auto users = device_users(*number, *host); !users.empty()) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("{} is {}: not wiped", name, users.front()));
  }
  const auto held = in_use(device);
  if (!held) return held.error();
  if (*held) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("{} is opened exclusively by somebody: not wiped", name));
  }
  return wipe(device, how);
}

Status wipe_lun(const model::IscsiSource& source, const ReclaimJob& job, Wipe how) {
  const auto node = attach_iscsi(source, job.secret, job.run_dir);
  if (!node) return node.error();
  auto wiped = wipe_unused(lun_name(source), *node, how, job.run_dir);
  static_cast<void>(detach_iscsi(source, job.run_dir, {}));
  return wiped;
}

Answer PoolProvisioner::reclaim(const ReclaimJob& job) {
  const auto parameters = pool_parameters(job.parameters);
  if (!parameters) return parameters.error();
  const auto* local = std::get_if<model::LocalSource>(&job.source);
  const auto* iscsi = std::get_if<model::IscsiSource>(&job.source);
  if (local == nullptr && iscsi == nullptr) {
    return Error(ErrorCode::FailedPrecondition, "the volume is neither a disk nor a LUN: left alone");
  }
  const auto name = local != nullptr ? local->path : lun_name(*iscsi);
  // Of this device: wiping may take a day, and the pool goes on. Whoever wipes for us holds it as long as it lives.
  const auto device_lock = take_lock("pool-device", name);
  if (!device_lock) return device_lock.error();
  const PoolRecords pool(job.state_dir);
  const auto records = pool.read();
  if (!records) return records.error();
  const auto ours = std::any_of(records->begin(), records->end(), [&](const PoolRecord& record) {
    return record.device == name && record.is_of(job.ns, job.claim);
  });
  // Reclaimed before; somebody else may have it by now.
  if (!ours) return json::object();
  // While the record is there nobody else is given the device, so that the pool need not be locked.
  if (parameters->wipe != Wipe::None) {
    auto wiped = local != nullptr ? wipe_unused(name, local->path, parameters->wipe, job.run_dir)
                                  : wipe_lun(*iscsi, job, parameters->wipe);
    if (!wiped) return wiped.error();
  }
  if (auto removed = pool.remove(name); !removed) return removed.error();
  return json::object();
}

}  // namespace

std::unique_ptr<Provisioner> make_pool_provisioner() { return std::make_unique<PoolProvisioner>(); }

}  // namespace berth::volumes::helper
