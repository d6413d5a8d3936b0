// model/validate_network_policy.cpp - NetworkPolicy.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

/// A block's address as bytes, its family by their number, and its length.
struct Block {
  std::array<std::uint8_t, 16> bytes{};
  unsigned bits = 0;
  unsigned length = 0;
};

std::optional<Block> read_block(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string address(text.substr(0, slash));
  Block block;
  if (::inet_pton(AF_INET, address.c_str(), block.bytes.data()) == 1) {
    block.bits = 32;
  } else if (::inet_pton(AF_INET6, address.c_str(), block.bytes.data()) == 1) {
    block.bits = 128;
  } else {
    return std::nullopt;
  }
  const auto digits = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), block.length);
  if (error != std::errc() || end != digits.data() + digits.size() || block.length > block.bits) return std::nullopt;
  return block;
}

/// Is `inner` a part of `outer`, and not all of it?
bool is_strictly_in(const Block& inner, const Block& outer) {
  if (inner.bits != outer.bits || inner.length <= outer.length) return false;
  const auto whole = outer.length / 8;
  if (std::memcmp(inner.bytes.data(), outer.bytes.data(), whole) != 0) return false;
  const auto rest = outer.length % 8;
  return rest == 0 || (inner.bytes[whole] ^ outer.bytes[whole]) >> (8 - rest) == 0;
}

void check_block(const Reader& block) {
  constexpr std::string_view kWhy = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
  if (!require_text(block, "cidr")) return;
  const auto cidr = block.text("cidr");
  const auto outer = read_block(cidr);
  if (!outer) return block.fail("cidr", invalid(cidr, kWhy));
  const auto excepts = block.texts("except");
  for (std::size_t i = 0; i < excepts.size(); ++i) {
    const auto inner = read_block(excepts[i]);
    if (!inner) {
      block.issues().push_back({block.path_of("except", i), invalid(excepts[i], kWhy)});
    } else if (!is_strictly_in(*inner, *outer)) {
      block.issues().push_back(
          {block.path_of("except", i),
           invalid(excepts[i],
                   fmt::format("must be a strict subset of `cidr` ({}): write a smaller block of it", cidr))});
    }
  }
}

void check_peer(const Reader& peer) {
  const auto pods = peer.child("podSelector");
  const auto namespaces = peer.child("namespaceSelector");
  const auto block = peer.child("ipBlock");
  if (!pods.present() && !namespaces.present() && !block.present()) {
    return peer.fail("",
                     "required: must specify a peer: podSelector, namespaceSelector or ipBlock (to allow everybody, "
                     "leave the list out)");
  }
  if (block.present() && (pods.present() || namespaces.present())) {
    return peer.fail("", "forbidden: may not specify both ipBlock and another peer: write two entries");
  }
  if (pods.present()) check_label_selector(pods);
  if (namespaces.present()) check_label_selector(namespaces);
  if (block.present()) check_block(block);
}

void check_port(const Reader& port) {
  check_choice(port, "protocol", {"SCTP", "TCP", "UDP"});
  const auto* value = port.get("port");
  if (value != nullptr) check_port_or_name(port, "port");
  if (!port.has("endPort")) return;
  const auto end = port.integer("endPort");
  if (value == nullptr) {
    return port.fail("endPort",
                     fmt::format("invalid value: {}: may not be specified when `port` is not specified", end));
  }
  if (value->is_string()) {
    return port.fail("endPort", fmt::format("invalid value: {}: may not be specified when `port` is non-numeric", end));
  }
  check_range(port, "endPort", 1, 65535);
  if (end < port.integer("port")) {
    port.fail("endPort", fmt::format("invalid value: {}: must be greater than or equal to `port`", end));
  }
}

void check_rules(const Reader& spec, std::string_view name, std::string_view peers) {
  for (const auto& rule : spec.children(name)) {
    for (const auto& port : rule.children("ports")) check_port(port);
    for (const auto& peer : rule.children(peers)) check_peer(peer);
  }
}

}  // namespace

void check_network_policy(const Reader& root) {
  const auto spec = root.child("spec");
  if (!spec.present()) return root.fail("spec", "required");
  check_label_selector(spec.child("podSelector"));
  check_rules(spec, "ingress", "from");
  check_rules(spec, "egress", "to");
  const auto types = spec.texts("policyTypes");
  if (types.size() > 2) {
    return spec.fail("policyTypes", "invalid value: may not specify more than two policyTypes");
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i] == "Ingress" || types[i] == "Egress") continue;
    spec.issues().push_back({spec.path_of("policyTypes", i), unsupported(types[i], {"Egress", "Ingress"})});
  }
}

}  // namespace berth::model
