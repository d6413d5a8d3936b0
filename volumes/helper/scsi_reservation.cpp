// volumes/helper/scsi_reservation.cpp - see scsi_reservation.hpp.
//
// Commands go through the block layer (linux/pr.h), which sends them over every path of a multipath map; what the disk
// says is read by SG_IO, as only newer kernels have a call for it.
#include "volumes/helper/scsi_reservation.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/pr.h>
#include <scsi/sg.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/sha256.hpp"
#include "base/unique_fd.hpp"

namespace berth::volumes::helper {
namespace {

constexpr unsigned kPatience = 20'000;  ///< Milliseconds for one answer.
/// Other hosts come and go while we look; more rounds than hosts could have had the disk.
constexpr int kRounds = 64;
/// SPC-4 table 43, SAM-5 table 44.
constexpr std::uint8_t kPersistentReserveIn = 0x5e;
constexpr std::uint8_t kReadKeys = 0x00;
constexpr std::uint8_t kReadReservation = 0x01;
constexpr int kCheckCondition = 0x02;
constexpr int kReservationConflict = 0x18;
constexpr std::uint8_t kIllegalRequest = 0x05;
/// "Something changed since you last asked" (a preemption, a reset) is the answer to the next command, whichever it is:
/// that one is sent again. There may be several such news.
constexpr int kTries = 5;
constexpr std::size_t kHeader = 8;
constexpr std::size_t kKey = 8;
/// 500 keys: a LUN of more hosts and paths has other troubles.
constexpr std::uint16_t kMostAnswer = kHeader + 500 * kKey;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t out = 0;
  for (const auto byte : bytes) out = out << 8U | static_cast<unsigned char>(byte);
  return out;
}

/// What follows the header, as long as that says.
Result<std::string_view> body_of(std::string_view answer) {
  if (answer.size() < kHeader) return Error(ErrorCode::DataLoss, "PERSISTENT RESERVE IN: no header");
  const auto length = big_endian(answer.substr(4, 4));
  const auto body = answer.substr(kHeader);
  if (length > body.size()) return Error(ErrorCode::DataLoss, "PERSISTENT RESERVE IN: the answer is cut short");
  return body.substr(0, length);
}

Error unsupported(const std::filesystem::path& device) {
  return {ErrorCode::Unimplemented, fmt::format("{} has no SCSI persistent reservations", device.string())};
}

/// The block layer's codes: below 0 no disk of that kind, above 0 what the target said, perhaps with more above its
/// byte.
Status judge(int answer, int failure, const std::filesystem::path& device, std::string_view what) {
  if (answer == 0) return Ok{};
  const auto status = answer < 0 ? 0 : answer & 0xff;
  if (status == kReservationConflict) {
    return Error(ErrorCode::Aborted, fmt::format("{} {}: reservation conflict", what, device.string()));
  }
  if (status == kCheckCondition) {
    return Error(ErrorCode::Unimplemented,
                 fmt::format("{} {}: the target refused (its log, or the kernel's, says why)", what, device.string()));
  }
  if (answer > 0) {
    return Error(ErrorCode::Unavailable, fmt::format("{} {}: SCSI status {:#x}", what, device.string(), answer));
  }
  if (failure == EOPNOTSUPP || failure == ENOTTY || failure == EINVAL) return unsupported(device);
  return Error::from_errno(failure, fmt::format("{} {}", what, device.string()));
}

/// SPC-4 4.5: the sense key, of both formats.
std::uint8_t sense_key(const std::array<std::uint8_t, 32>& sense) {
  const auto format = sense[0] & 0x7fU;
  return sense[format == 0x72 || format == 0x73 ? 1 : 2] & 0x0fU;
}

class Disk {
 public:
  /// Nothing is sent to it from `until` on.
  static Result<Disk> open(const std::filesystem::path& device, BootTime until) {
    if (auto early = in_time(device, until); !early) return early.error();
    UniqueFd fd(::open(device.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return Error::from_errno(errno, "open " + device.string());
    return Disk(device, std::move(fd), until);
  }

  Status put_key(ReservationKey old, ReservationKey key, bool whatever_it_was) const {
    pr_registration order{};
    order.old_key = old;
    order.new_key = key;
    order.flags = whatever_it_was ? PR_FL_IGNORE_KEY : 0;
    return send(IOC_PR_REGISTER, &order, "register with");
  }
  Status reserve(ReservationKey key) const {
    pr_reservation order{};
    order.key = key;
    order.type = PR_WRITE_EXCLUSIVE_REG_ONLY;
    return send(IOC_PR_RESERVE, &order, "reserve");
  }
  /// What the other has under way is aborted, where the target can. (The call's fields are those of the command: its
  /// "old_key" is the RESERVATION KEY, ours, and "new_key" the one that has to go, whatever linux/pr.h names them.)
  Status preempt(ReservationKey other, ReservationKey own) const {
    pr_preempt order{};
    order.old_key = own;
    order.new_key = other;
    order.type = PR_WRITE_EXCLUSIVE_REG_ONLY;
    auto done = send(IOC_PR_PREEMPT_ABORT, &order, "preempt on");
    if (done || failed_with(done, ErrorCode::Aborted)) return done;
    return send(IOC_PR_PREEMPT, &order, "preempt on");
  }
  Result<Reservations> look() const {
    const auto keys = read(kReadKeys);
    if (!keys) return keys.error();
    const auto reservation = read(kReadReservation);
    if (!reservation) return reservation.error();
    return parse_reservations(*keys, *reservation);
  }

 private:
  Disk(std::filesystem::path device, UniqueFd fd, BootTime until)
      : device_(std::move(device)), fd_(std::move(fd)), until_(until) {}

  static Status in_time(const std::filesystem::path& device, BootTime until) {
    if (boot_time() < until) return Ok{};
    return Error(ErrorCode::Unavailable,
                 fmt::format("reserve {}: too late, another host may have it by now", device.string()));
  }

  Status send(unsigned long request, void* order, std::string_view what) const {
    int answer = kCheckCondition;
    for (int tried = 0; tried < kTries && (answer & 0xff) == kCheckCondition; ++tried) {
      if (auto early = in_time(device_, until_); !early) return early;
      errno = 0;
      answer = ::ioctl(fd_.get(), request, order);
      if (answer < 0) break;
    }
    return judge(answer, errno, device_, what);
  }

  Result<std::string> read(std::uint8_t what) const {
    std::string answer(kMostAnswer, '\0');
    std::array<std::uint8_t, 32> sense{};
    std::array<std::uint8_t, 10> command{kPersistentReserveIn, what};
    command[7] = kMostAnswer >> 8U;
    command[8] = kMostAnswer & 0xffU;
    sg_io_hdr_t io{};
    for (int tried = 0; tried < kTries; ++tried) {
      io = {};
      io.interface_id = 'S';
      io.dxfer_direction = SG_DXFER_FROM_DEV;
      io.cmd_len = command.size();
      io.cmdp = command.data();
      io.mx_sb_len = sense.size();
      io.sbp = sense.data();
      io.dxfer_len = kMostAnswer;
      io.dxferp = answer.data();
      io.timeout = kPatience;
      if (::ioctl(fd_.get(), SG_IO, &io) != 0) {
        if (errno == ENOTTY || errno == EINVAL) return unsupported(device_);
        return Error::from_errno(errno, "read the reservations of " + device_.string());
      }
      if (io.status != kCheckCondition) break;
      if (sense_key(sense) == kIllegalRequest) return unsupported(device_);
    }
    if ((io.info & SG_INFO_OK_MASK) != SG_INFO_OK) {
      return Error(ErrorCode::Unavailable, fmt::format("read the reservations of {}: SCSI status {:#x}, host {:#x}",
                                                       device_.string(), io.status, io.host_status));
    }
    answer.resize(kMostAnswer - static_cast<std::size_t>(std::max(0, io.resid)));
    return answer;
  }

  std::filesystem::path device_;
  UniqueFd fd_;
  BootTime until_;
};

}  // namespace

ReservationKey reservation_key(const std::string& holder, const std::string& volume) {
  const auto digest = sha256_hex(fmt::format("{}\n{}", holder, volume));
  return std::max<ReservationKey>(1, std::stoull(digest.substr(0, 16), nullptr, 16));
}

Result<Reservations> parse_reservations(const std::string& keys, const std::string& reservation) {
  const auto registered = body_of(keys);
  if (!registered) return registered.error();
  const auto held = body_of(reservation);
  if (!held) return held.error();
  Reservations out;
  for (auto rest = *registered; rest.size() >= kKey; rest.remove_prefix(kKey)) {
    const auto key = big_endian(rest.substr(0, kKey));
    if (std::find(out.keys.begin(), out.keys.end(), key) == out.keys.end()) out.keys.push_back(key);
  }
  if (held->size() >= kKey) out.holder = big_endian(held->substr(0, kKey));
  return out;
}

ReservationStep next_reservation_step(const Reservations& now, ReservationKey own) {
  using What = ReservationStep::What;
  // The holder first: as long as another holds it, we may only look on.
  if (now.holder && *now.holder != own) return {What::Preempt, *now.holder};
  if (!now.holder) return {What::Reserve};
  for (const auto key : now.keys) {
    if (key != own) return {What::Preempt, key};
  }
  return {What::Done};
}

bool can_be_reserved(const model::PersistentSource& source) {
  return std::holds_alternative<model::IscsiSource>(source) || std::holds_alternative<model::FcSource>(source);
}

Status reserve_disk(const std::filesystem::path& device, ReservationKey own, BootTime until) {
  const auto disk = Disk::open(device, until);
  if (!disk) return disk.error();
  for (int round = 0; round < kRounds; ++round) {
    const auto now = disk->look();
    if (!now) return now.error();
    const auto step = next_reservation_step(*now, own);
    const auto registered = std::find(now->keys.begin(), now->keys.end(), own) != now->keys.end();
    // Each path has to know the key, one that came since the last time, too.
    if (round == 0 || !registered) {
      if (auto put = disk->put_key(0, own, /*whatever_it_was=*/true); !put) return put;
    }
    if (step.what == ReservationStep::What::Done && registered) return Ok{};
    auto done = Status(Ok{});
    if (step.what == ReservationStep::What::Reserve) done = disk->reserve(own);
    if (step.what == ReservationStep::What::Preempt) done = disk->preempt(step.other, own);
    // A conflict: it is not as we saw it any more.
    if (!done && !failed_with(done, ErrorCode::Aborted)) return done;
  }
  return Error(ErrorCode::Unavailable,
               fmt::format("reserve {}: another host registers with it at the same time", device.string()));
}

Status give_back_disk(const std::filesystem::path& device, ReservationKey own) {
  const auto disk = Disk::open(device, BootTime::max());
  if (!disk) return disk.error();
  // The holder's reservation goes with its registration (SPC-4 5.13.11.2.3).
  auto gone = disk->put_key(own, 0, /*whatever_it_was=*/false);
  if (failed_with(gone, ErrorCode::Aborted)) return Ok{};
  return gone;
}

}  // namespace berth::volumes::helper
