// network/dns/zone.hpp - every local name with its answers already encoded; immutable, so threads share it without a
// lock.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "network/dns.hpp"
#include "network/dns/message.hpp"
#include "network/ip.hpp"

namespace berth::network::dns {

/// The zone of one DnsNames. Names are found in one probe of a hash table; the records of a name and type lie together,
/// encoded with a pointer to the question as owner, so an answer is one copy.
class Zone {
 public:
  /// Records live this long in a client's cache, in seconds; CoreDNS' default. Negative answers: not at all.
  static constexpr std::uint32_t kTtl = 5;

  /// Never fails: what is no legal name or address is left out (validation of manifests has told the user already).
  static std::shared_ptr<const Zone> build(const DnsNames& names);
  /// While nobody has said yet which names there are: none can be denied, nor told from an outside one.
  static std::shared_ptr<const Zone> unknown();
  bool is_known() const { return known_; }

  /// Records of one type at one name: `count` complete records of `size` octets in all at `data`.
  struct RecordSet {
    std::uint16_t type = 0;
    std::uint16_t count = 0;
    std::uint32_t data = 0;
    std::uint32_t size = 0;
    std::uint32_t first_target = 0;  ///< SRV: where its `count` target nodes begin in targets().
  };

  /// What a name is. An empty non-terminal ("svc.cluster.local") only keeps NXDOMAIN away (RFC 8020). An awaited one
  /// does not exist; find() does not find it.
  enum class Kind : std::uint8_t { NonTerminal, Apex, Service, Host, Other, Awaited };

  struct Node {
    std::uint32_t name = 0;
    std::uint8_t name_size = 0;
    Kind kind = Kind::NonTerminal;
    std::uint8_t set_count = 0;
    bool awaited = false;  ///< Without records, and with pods that are about to be ready.
    std::uint32_t first_set = 0;
  };

  /// What the zone says about a question's name.
  struct Match {
    const Node* node = nullptr;  ///< None: there is no such name.
    bool ours = false;           ///< We are the authority; else it belongs to the upstreams.
    bool full = false;           ///< It was written in full, so its SOA is a parent of it.
    bool awaited = false;        ///< It has no records, and will have some in a moment.
  };

  /// Looks `name` up: as it stands, then as a short name: in the asking pod's namespace, below
  /// `svc.<domain>`, below `<domain>`; for a source that is no pod, `default` is the namespace and a name that only one
  /// namespace has is found too. One label in front of a service is ours even when it does not exist: a pod
  /// that is not ready must not be asked for at the upstreams. More labels are not: a service called "app" would hide
  /// all of that top-level domain.
  Match match(const Name& name, const IpAddress& source) const;

  /// The node of exactly this name.
  const Node* find(Octets name) const;

  const RecordSet* set_of(const Node& node, Type type) const;
  Octets records(const RecordSet& set) const { return Octets(arena_).subspan(set.data, set.size); }
  Octets name_of(const Node& node) const { return Octets(arena_).subspan(node.name, node.name_size); }
  const Node& target(const RecordSet& set, std::size_t index) const {
    return nodes_[targets_[set.first_target + index]];
  }

  /// The SOA record of the domain with its full owner, for negative answers: TTL and minimum are 0.
  Octets negative_soa() const { return negative_soa_; }

  const Name& domain() const { return domain_; }

  /// How many names have records.
  std::size_t size() const { return nodes_.size(); }

 private:
  friend class ZoneBuilder;

  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t node = 0;  ///< Index + 1; 0: empty.
  };
  struct PodNamespace {
    IpAddress source;
    Name suffix;  ///< "<ns>.svc.<domain>"
  };

  const Node* lookup(Octets name) const;
  static Match found(const Node& node, bool full);
  const Node* find_below(const Name& name, Octets suffix) const;
  bool service_below(Octets name, Octets suffix) const;
  const Name* suffix_of(const IpAddress& source) const;
  const Node* find_unique(Octets relative) const;

  std::vector<std::uint8_t> arena_;
  std::vector<Node> nodes_;
  std::vector<RecordSet> sets_;
  std::vector<std::uint32_t> targets_;
  std::vector<Slot> slots_;                             ///< A power of two, at most half full.
  std::vector<PodNamespace> pods_;                      ///< Sorted by source.
  std::vector<std::pair<Name, std::uint32_t>> unique_;  ///< Names relative to their namespace, sorted; see kAmbiguous.
  std::vector<std::uint8_t> negative_soa_;
  Name domain_;
  Name services_;           ///< "svc.<domain>"
  Name default_namespace_;  ///< "default.svc.<domain>"
  bool known_ = true;
};

}  // namespace berth::network::dns
