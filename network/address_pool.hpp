// network/address_pool.hpp - which pod has which address, durably.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "network/ip.hpp"

namespace berth::network {

/// The addresses of one IPv4 block. The first belongs to the gateway; the block's own and the broadcast address
/// are never given. A lease is one small file <directory>/<uid>, written before the address is used, so pods
/// keep theirs over restarts of agent and host. Freed addresses are given again last, oldest first. Any thread.
class AddressPool {
 public:
  /// Reads the leases in `directory` (made if missing). A file that cannot be read, does not parse, lies outside
  /// the block or repeats another's address is left alone and listed in problems(): its pod gets a new lease
  /// when it asks. Errors: InvalidArgument (not IPv4, or not /8 to /30), as of mkdir(2) and readdir(3).
  static Result<std::unique_ptr<AddressPool>> open(const Cidr& block, std::filesystem::path directory);

  struct Lease {
    IpAddress address;
    bool fresh = false;  ///< Given by this call.
  };

  /// The pod's address, the same at every call until release. `owner` ("default/web-0") goes into the file for
  /// human readers. Errors: ResourceExhausted (every address has a pod), as of write_file.
  Result<Lease> acquire(const std::string& uid, const std::string& owner);

  /// Gives the address back. No lease is success.
  Status release(const std::string& uid);

  std::optional<IpAddress> find(const std::string& uid) const;

  /// Marks an address as taken by a pod that is known to use it but whose lease could not be read, and writes the
  /// lease anew. AlreadyExists when another pod has it.
  Status adopt(const std::string& uid, const std::string& owner, const IpAddress& address);

  /// uids with a lease, sorted; with those whose file is there but is not usable.
  std::vector<std::string> holders() const;

  IpAddress gateway() const { return IpAddress::v4(first_ - 1); }
  std::size_t capacity() const { return last_ - first_ + 1; }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  AddressPool(const Cidr& block, std::filesystem::path directory);
  Status load();
  void load_lease(const std::string& uid);
  void load_released();
  std::optional<std::uint32_t> take_locked();
  void give_back_locked(std::uint32_t address);
  Status write_lease(const std::string& uid, const std::string& owner, std::uint32_t address) const;
  Status write_released_locked() const;

  const Cidr block_;
  const std::filesystem::path directory_;
  const std::uint32_t first_;  ///< Host order, inclusive.
  const std::uint32_t last_;
  std::vector<std::string> problems_;

  mutable std::mutex mutex_;  ///< Guards all below.
  std::map<std::string, std::uint32_t> leases_;
  std::set<std::string> unusable_;
  std::set<std::uint32_t> used_;
  std::deque<std::uint32_t> released_;  ///< Oldest first; no duplicates, none in used_.
  std::set<std::uint32_t> released_set_;
  std::uint32_t next_;  ///< Below it, everything is used, released or forgotten.
};

}  // namespace berth::network
