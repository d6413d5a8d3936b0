// network/nft_batch.hpp - one transaction to nftables, spoken by ourselves: for the few words that a pod's coming and
// going needs, many times a second.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "network/service_routes.hpp"

namespace berth::network {

/// Where packets that come to a chain are sent: to any of `to`, chosen at random.
struct DnatChoice {
  std::string protocol;            ///< "tcp", "udp" or "sctp"; empty: all, and packets keep their port.
  std::vector<ServiceBackend> to;  ///< At least one. Without `protocol` their ports do not count.
  bool operator==(const DnatChoice&) const = default;
};

/// "10.96.0.9 . tcp . 80" or a part of it, as the kernel keeps the key of a map; empty when it is something else.
std::vector<std::uint8_t> map_key(std::string_view text);

/// Collects commands for one table of family ip and gives them to the kernel as one transaction, see nfnetlink in
/// linux/netfilter/nf_tables.h. libnftables has every command, and lists all chains and sets of the host before it runs
/// any: with 1,000 services that costs ten times what the change itself does. What is made here is the same as what it
/// makes of the same words, and lists the same.
class NftBatch {
 public:
  explicit NftBatch(std::string table);

  void add_chain(const std::string& chain);
  void flush_chain(const std::string& chain);
  void delete_chain(const std::string& chain);
  /// An element of a set; with `chain` one of a verdict map that goes there.
  void add_element(const std::string& set, const std::vector<std::uint8_t>& key, const std::string& chain = {});
  void delete_element(const std::string& set, const std::vector<std::uint8_t>& key);
  /// `meta l4proto tcp dnat ip to ...`, at the chain's end.
  void add_rule(const std::string& chain, const DnatChoice& choice);

  /// All or nothing. Errors: from the kernel, and ResourceExhausted for more than one message can hold. Once.
  Status commit(std::string_view doing);

 private:
  std::vector<std::uint8_t> batch_;
  const std::string table_;
  std::uint32_t messages_ = 0;
  std::uint32_t maps_ = 0;
};

}  // namespace berth::network
