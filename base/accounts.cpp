// base/accounts.cpp - see accounts.hpp.
#include "base/accounts.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace berth {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

template <typename Fits>
std::optional<Account> first_account(std::string_view passwd, const Fits& fits) {
  for (const auto line : split(passwd, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 4) continue;
    const auto uid = account_id(fields[2]);
    const auto gid = account_id(fields[3]);
    if (uid && gid && fits(fields[0], *uid)) return Account{std::string(fields[0]), *uid, *gid};
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> account_id(std::string_view text) {
  std::uint32_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || at != end) return std::nullopt;
  if (value == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return value;
}

std::optional<Account> find_account(std::string_view passwd, std::string_view name) {
  return first_account(passwd, [&](std::string_view each, std::uint32_t) { return each == name && !name.empty(); });
}

std::optional<Account> find_account(std::string_view passwd, std::uint32_t uid) {
  return first_account(passwd, [&](std::string_view, std::uint32_t each) { return each == uid; });
}

std::optional<std::uint32_t> find_group(std::string_view group, std::string_view name) {
  for (const auto line : split(group, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() >= 3 && fields[0] == name) return account_id(fields[2]);
  }
  return std::nullopt;
}

std::vector<std::uint32_t> groups_of(std::string_view group, std::string_view user) {
  std::vector<std::uint32_t> groups;
  for (const auto line : split(group, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 4) continue;
    const auto members = split(fields[3], ',');
    const auto gid = account_id(fields[2]);
    if (gid && std::find(members.begin(), members.end(), user) != members.end()) groups.push_back(*gid);
  }
  return groups;
}

}  // namespace berth
