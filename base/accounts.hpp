// base/accounts.hpp - users and groups in the text of passwd(5) and group(5). Pure.
//
// getpwnam(3) and its kin would ask NSS instead: that loads modules, whose directory server may be one of our pods.
// tests/checks/text refuses them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth {

struct Account {
  std::string name;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;

  bool operator==(const Account&) const = default;
};

/// An id as both files write it: digits, and not the largest, which means "none" to chown(2).
std::optional<std::uint32_t> account_id(std::string_view text);

/// The first that fits; lines that are none are passed over.
std::optional<Account> find_account(std::string_view passwd, std::string_view name);
std::optional<Account> find_account(std::string_view passwd, std::uint32_t uid);

/// The id of the group of that name.
std::optional<std::uint32_t> find_group(std::string_view group, std::string_view name);
/// The groups that list `user` as a member, in the file's order.
std::vector<std::uint32_t> groups_of(std::string_view group, std::string_view user);

}  // namespace berth
