// network/address_pool.cpp - leases as files "ADDRESS OWNER\n", and the order in which addresses were freed.
#include "network/address_pool.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/atomic_file.hpp"
#include "network/pod_paths.hpp"

namespace berth::network {
namespace {

constexpr std::size_t kMaxLeaseBytes = 4096;
constexpr std::size_t kMaxReleased = 4096;  // Remembered freed addresses; older ones count as never used.
constexpr std::string_view kReleasedFile = ".released";

std::uint32_t network_of(const Cidr& block) { return block.base.to_v4(); }
std::uint32_t broadcast_of(const Cidr& block) { return network_of(block) | (0xffffffffU >> block.prefix); }

}  // namespace

AddressPool::AddressPool(const Cidr& block, std::filesystem::path directory)
    : block_(block),
      directory_(std::move(directory)),
      first_(network_of(block) + 2),
      last_(broadcast_of(block) - 1),
      next_(first_) {}

Result<std::unique_ptr<AddressPool>> AddressPool::open(const Cidr& block, std::filesystem::path directory) {
  if (block.base.family() != Family::V4 || block.prefix < 8 || block.prefix > 30) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("pod addresses: {}: must be an IPv4 block from /8 to /30", block.text()));
  }
  std::unique_ptr<AddressPool> pool(new AddressPool(block, std::move(directory)));
  if (auto loaded = pool->load(); !loaded) return std::move(loaded).error().context("read address leases");
  return pool;
}

Status AddressPool::load() {
  if (auto made = make_directories(directory_, 0755); !made) return made;
  std::error_code failure;
  std::vector<std::string> uids;
  for (std::filesystem::directory_iterator it(directory_, failure), end; !failure && it != end; it.increment(failure)) {
    auto name = it->path().filename().string();
    if (check_uid(name).ok()) uids.push_back(std::move(name));  // Leaves out temporary files: they begin with a dot.
  }
  if (failure) return Error::from_errno(failure.value(), "list " + directory_.native());
  std::sort(uids.begin(), uids.end());
  for (const auto& uid : uids) load_lease(uid);
  load_released();
  return Ok{};
}

void AddressPool::load_lease(const std::string& uid) {
  const auto unusable = [&](const std::string& why) {
    unusable_.insert(uid);
    problems_.push_back(fmt::format("address lease {}: {}", (directory_ / uid).native(), why));
  };
  const auto text = read_file(directory_ / uid, kMaxLeaseBytes);
  if (!text) return unusable(text.error().message());
  // The newline comes last: without it the file was not written to its end.
  if (text->empty() || text->back() != '\n') return unusable("not complete");
  const auto address = IpAddress::parse(std::string_view(*text).substr(0, text->find_first_of(" \n")));
  if (!address) return unusable(address.error().message());
  if (!block_.contains(*address)) return unusable(fmt::format("{} is not in {}", address->text(), block_.text()));
  const auto value = address->to_v4();
  if (value < first_ || value > last_) return unusable(fmt::format("{} is not for pods", address->text()));
  if (!used_.insert(value).second) return unusable(fmt::format("{} has another pod", address->text()));
  leases_.emplace(uid, value);
}

void AddressPool::load_released() {
  // Only an order of preference: whatever is wrong with the file, the pool is right without it.
  const auto text = read_file(directory_ / kReleasedFile, kMaxReleased * 16);
  if (!text) return;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return;
    const auto address = IpAddress::parse(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    if (!address || !block_.contains(*address)) continue;
    const auto value = address->to_v4();
    if (value >= first_ && value <= last_ && !used_.contains(value)) give_back_locked(value);
  }
}

std::optional<std::uint32_t> AddressPool::take_locked() {
  for (const bool rewound : {false, true}) {
    // What fell out of the bounded list of freed addresses is found by looking from the start again.
    if (rewound) next_ = first_;
    for (; next_ <= last_; ++next_) {
      if (!used_.contains(next_) && !released_set_.contains(next_)) {
        used_.insert(next_);
        return next_++;
      }
    }
    if (!rewound && !released_.empty()) break;
  }
  if (released_.empty()) return std::nullopt;
  const auto address = released_.front();
  released_.pop_front();
  released_set_.erase(address);
  used_.insert(address);
  return address;
}

void AddressPool::give_back_locked(std::uint32_t address) {
  used_.erase(address);
  if (!released_set_.insert(address).second) return;
  released_.push_back(address);
  if (released_.size() <= kMaxReleased) return;
  released_set_.erase(released_.front());
  released_.pop_front();
}

Result<AddressPool::Lease> AddressPool::acquire(const std::string& uid, const std::string& owner) {
  if (auto sound = check_uid(uid); !sound) return std::move(sound).error();
  std::uint32_t address = 0;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = leases_.find(uid); it != leases_.end()) return Lease{IpAddress::v4(it->second), false};
    const auto taken = take_locked();
    if (!taken) {
      return Error(ErrorCode::ResourceExhausted,
                   fmt::format("no free pod address: all {} of {} are in use", capacity(), block_.text()));
    }
    address = *taken;
  }
  // Outside the lock: parallel starts share the disk's flushes. The caller keeps one pod to one thread.
  auto written = write_lease(uid, owner, address);
  const std::lock_guard lock(mutex_);
  if (!written) {
    give_back_locked(address);
    return std::move(written).error();
  }
  leases_.emplace(uid, address);
  unusable_.erase(uid);
  return Lease{IpAddress::v4(address), true};
}

Status AddressPool::adopt(const std::string& uid, const std::string& owner, const IpAddress& address) {
  if (auto sound = check_uid(uid); !sound) return sound;
  if (address.family() != Family::V4 || !block_.contains(address) || address.to_v4() < first_ ||
      address.to_v4() > last_) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("{} is not a pod address of {}", address.text(), block_.text()));
  }
  const auto value = address.to_v4();
  {
    const std::lock_guard lock(mutex_);
    const auto it = leases_.find(uid);
    if (it != leases_.end() && it->second == value) return Ok{};
    if (it != leases_.end() || used_.contains(value)) {
      return Error(ErrorCode::AlreadyExists, fmt::format("address {} is leased otherwise", address.text()));
    }
    used_.insert(value);
    if (released_set_.erase(value) != 0) released_.erase(std::find(released_.begin(), released_.end(), value));
  }
  auto written = write_lease(uid, owner, value);
  const std::lock_guard lock(mutex_);
  // Kept in memory whatever the disk says: the pod uses the address.
  leases_.emplace(uid, value);
  unusable_.erase(uid);
  return written;
}

Status AddressPool::release(const std::string& uid) {
  if (auto sound = check_uid(uid); !sound) return sound;
  const auto file = directory_ / uid;
  if (::unlink(file.c_str()) != 0 && errno != ENOENT)
    return Error::from_errno(errno, "free address: remove " + file.native());
  const std::lock_guard lock(mutex_);
  unusable_.erase(uid);
  const auto it = leases_.find(uid);
  if (it == leases_.end()) return Ok{};
  give_back_locked(it->second);
  leases_.erase(it);
  // Lost at a power cut it costs nothing but the order; so an error here does not make the release fail.
  static_cast<void>(write_released_locked());
  return Ok{};
}

std::optional<IpAddress> AddressPool::find(const std::string& uid) const {
  const std::lock_guard lock(mutex_);
  const auto it = leases_.find(uid);
  if (it == leases_.end()) return std::nullopt;
  return IpAddress::v4(it->second);
}

std::vector<std::string> AddressPool::holders() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> uids = unusable_;
  for (const auto& [uid, address] : leases_) uids.insert(uid);
  return {uids.begin(), uids.end()};
}

Status AddressPool::write_lease(const std::string& uid, const std::string& owner, std::uint32_t address) const {
  std::string word = owner.substr(0, 512);
  std::replace_if(
      word.begin(), word.end(), [](char c) { return c <= ' ' || c == 0x7f; }, '?');
  return write_file(directory_ / uid, fmt::format("{} {}\n", IpAddress::v4(address).text(), word), 0644,
                    Durability::Durable);
}

Status AddressPool::write_released_locked() const {
  std::string text;
  for (const auto address : released_) text += IpAddress::v4(address).text() + "\n";
  return write_file(directory_ / kReleasedFile, text);
}

}  // namespace berth::network
