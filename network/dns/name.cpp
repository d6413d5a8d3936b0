// network/dns/name.cpp - reading, comparing and printing of wire-format names.
#include "network/dns/name.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <cstring>

namespace berth::network::dns {

namespace {

constexpr std::uint8_t kPointerBits = 0xC0;

Octets octets(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};  // NOLINT(*-reinterpret-cast)
}

}  // namespace

std::optional<Name> Name::from_text(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  Name name;
  if (text.empty()) return name;
  for (;;) {
    const auto dot = text.find('.');
    if (!name.add_label(octets(text.substr(0, dot)))) return std::nullopt;
    if (dot == std::string_view::npos) return name;
    text.remove_prefix(dot + 1);
  }
}

std::string Name::to_text() const {
  if (size_ == 1) return ".";
  std::string text;
  for (std::size_t at = 0; bytes_[at] != 0;) {
    const auto end = at + 1 + bytes_[at];
    for (++at; at < end; ++at) {
      const auto c = bytes_[at];
      if (c == '.' || c == '\\') {
        text += {'\\', static_cast<char>(c)};
      } else if (c > ' ' && c < 0x7F) {
        text += static_cast<char>(c);
      } else {
        text += fmt::format("\\{:03}", c);
      }
    }
    text += '.';
  }
  return text;
}

std::size_t Name::labels() const {
  std::size_t count = 0;
  for (std::size_t at = 0; bytes_[at] != 0; at += std::size_t{1} + bytes_[at]) ++count;
  return count;
}

bool Name::add_label(Octets label) {
  if (label.empty() || label.size() > kMaxLabel || size_ + 1 + label.size() > kMaxName) return false;
  auto at = static_cast<std::size_t>(size_ - 1);
  bytes_[at++] = static_cast<std::uint8_t>(label.size());
  for (const auto c : label) bytes_[at++] = lower(c);
  bytes_[at++] = 0;
  size_ = static_cast<std::uint8_t>(at);
  return true;
}

bool Name::append(Octets suffix) {
  const auto total = size_ - 1 + suffix.size();
  if (total > kMaxName || suffix.empty()) return false;
  std::memcpy(bytes_.data() + size_ - 1, suffix.data(), suffix.size());
  size_ = static_cast<std::uint8_t>(total);
  return true;
}

bool is_below(Octets name, Octets parent) {
  if (name.size() < parent.size()) return false;
  const auto cut = name.size() - parent.size();
  if (std::memcmp(name.data() + cut, parent.data(), parent.size()) != 0) return false;
  std::size_t at = 0;
  while (at < cut) at += std::size_t{1} + name[at];
  return at == cut;  // equal octets in the middle of a label are no parent
}

Octets parent_of(Octets name) { return name.empty() || name[0] == 0 ? name : name.subspan(std::size_t{1} + name[0]); }

bool same_name(Octets a, Octets b) {
  // Length octets are below 64 and so never change in lower().
  return std::ranges::equal(a, b, [](auto x, auto y) { return lower(x) == lower(y); });
}

NameAt read_name(Octets message, std::size_t at) {
  NameAt result;
  std::size_t next = 0;
  auto limit = at + 1;  // a pointer must lead before the place where the current run of labels began
  while (at < message.size()) {
    const auto length = message[at];
    if (length == 0) {
      result.next = next != 0 ? next : at + 1;
      return result;
    }
    if ((length & kPointerBits) == kPointerBits) {
      if (at + 1 >= message.size()) break;
      const auto target = (std::size_t{length} & 0x3F) << 8 | message[at + 1];
      if (next == 0) next = at + 2;
      if (target + 1 >= limit) break;
      limit = target + 1;
      at = target;
      continue;
    }
    if ((length & kPointerBits) != 0 || at + 1 + length > message.size()) break;
    if (!result.name.add_label(message.subspan(at + 1, length))) break;
    at += std::size_t{1} + length;
  }
  result.next = 0;
  return result;
}

std::size_t skip_name(Octets message, std::size_t at) {
  const auto begin = at;
  while (at < message.size() && at - begin < kMaxName) {
    const auto length = message[at];
    if (length == 0) return at + 1;
    if ((length & kPointerBits) == kPointerBits) return at + 2 <= message.size() ? at + 2 : 0;
    if ((length & kPointerBits) != 0) return 0;
    at += std::size_t{1} + length;
  }
  return 0;
}

std::optional<Name> reverse_name(std::string_view address) {
  const std::string text(address);
  std::array<std::uint8_t, 16> raw{};
  std::string name;
  if (inet_pton(AF_INET, text.c_str(), raw.data()) == 1) {
    name = fmt::format("{}.{}.{}.{}.in-addr.arpa", raw[3], raw[2], raw[1], raw[0]);
  } else if (inet_pton(AF_INET6, text.c_str(), raw.data()) == 1) {
    for (auto octet = raw.rbegin(); octet != raw.rend(); ++octet) {
      name += fmt::format("{:x}.{:x}.", *octet & 0xF, *octet >> 4);
    }
    name += "ip6.arpa";
  } else {
    return std::nullopt;
  }
  return Name::from_text(name);
}

}  // namespace berth::network::dns
