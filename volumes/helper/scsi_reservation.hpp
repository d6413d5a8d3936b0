// volumes/helper/scsi_reservation.hpp - a disk that many hosts reach lets only one of them write (SPC-4 5.13,
// persistent reservations, type "Write Exclusive - Registrants Only").
//
// Hosts that share a store agree on whose a disk is (a VolumeAttachment). The disk itself has to know, too: a host that
// was suspended, or cut off, wakes up with writes in its queues and asks nobody. So whoever is given the disk registers
// a key, and throws out every other one: what those still send is refused by the target ("reservation conflict").
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/boot_time.hpp"
#include "base/result.hpp"
#include "volumes/volume_job.hpp"

namespace berth::volumes::helper {

using ReservationKey = std::uint64_t;

/// Of this volume on that host; never 0, which means none. One of another volume does not fit, so that a device name
/// which has become another disk's does no harm. Pure.
ReservationKey reservation_key(const std::string& holder, const std::string& volume);

/// What a disk says: who is registered, and which of them holds the reservation. Several paths of one host are
/// registered under one key.
struct Reservations {
  std::vector<ReservationKey> keys;
  std::optional<ReservationKey> holder;
};

/// The answers to PERSISTENT RESERVE IN: READ KEYS and READ RESERVATION. DataLoss: shorter than they say. Pure.
Result<Reservations> parse_reservations(const std::string& keys, const std::string& reservation);

struct ReservationStep {
  enum class What { Reserve, Preempt, Done };
  What what = What::Done;
  ReservationKey other = 0;  ///< Whom to preempt.
  bool operator==(const ReservationStep&) const = default;
};
/// What is to be done next, after `own` is registered, for it to be the only one that may write. Pure.
ReservationStep next_reservation_step(const Reservations& now, ReservationKey own);

/// Is it a disk that other hosts reach by SCSI?
bool can_be_reserved(const model::PersistentSource& source);

/// From now on nobody but the holder of `own` writes to the disk. Done already is success. Nothing is asked of the disk
/// from `until` on: by then another host may have it by right, and must not be thrown out. Errors: Unimplemented (the
/// disk has no persistent reservations, or its target takes none), Unavailable (no answer, too late, or another host
/// does the same at the moment), those of open(2).
Status reserve_disk(const std::filesystem::path& device, ReservationKey own, BootTime until);

/// Takes back what reserve_disk() did; not ours any more is success. Errors: as there.
Status give_back_disk(const std::filesystem::path& device, ReservationKey own);

}  // namespace berth::volumes::helper
