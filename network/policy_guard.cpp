// network/policy_guard.cpp - see policy_guard.hpp.
#include "network/policy_guard.hpp"

#include <mutex>
#include <utility>

#include "base/log.hpp"
#include "network/nft.hpp"

namespace berth::network {
namespace {

/// The bridge's own: somebody may have made it before us.
Result<Mac> mac_of_link(const std::string& name) {
  auto netlink = Netlink::open();
  if (!netlink) return std::move(netlink).error();
  const auto link = netlink->find_link(name);
  if (!link) return link.error();
  if (!*link) return Error(ErrorCode::NotFound, "link " + name + " is not there");
  return (*link)->mac;
}

const PolicedPod* find_pod(const PodPolicies& policies, const std::string& address) {
  const auto found = policies.pods.find(address);
  return found == policies.pods.end() ? nullptr : found->second.get();
}

}  // namespace

Status PolicyGuard::rebuild(const PodPolicies& wanted) {
  const auto doing = "build nftables tables " + policy_table(plan_.bridge);
  if (!needs_tables(wanted)) return run_nft(no_policies_text(plan_.bridge), doing);
  const auto mac = mac_of_link(plan_.bridge);
  if (!mac) return mac.error().context(doing);
  const auto there = nft_table_present(policy_table(plan_.bridge));
  auto cables = all_();
  auto built = run_nft(policies_text(plan_, *mac, cables, wanted, /*from_before=*/there && !*there), doing);
  if (built) cables_ = std::move(cables);
  return built;
}

Status PolicyGuard::change(const PodPolicies& wanted) const {
  const auto doing = "change nftables tables " + policy_table(plan_.bridge);
  if (auto batch = batch_of(plan_, *applied_, wanted)) {
    auto done = batch->commit(doing);
    if (done) return done;
    log(LogLevel::Debug, "a change of the policies' tables is left to libnftables",
        {{"error", done.error().message()}});
  }
  const auto text = change_text(plan_, cables_, *applied_, wanted);
  return text.empty() ? Status(Ok{}) : run_nft(text, doing);
}

Status PolicyGuard::set(PodPolicies wanted) {
  const std::lock_guard lock(nft_mutex());
  auto done = Status(Ok{});
  const auto were_none = [&] {
    return applied_ ? !needs_tables(*applied_) : !nft_table_present(policy_table(plan_.bridge)).value_or(true);
  };
  if (is_active() && needs_tables(wanted)) {
    done = change(wanted);
    if (!done) {
      log(LogLevel::Debug, "the policies' tables are not what they were, building them again",
          {{"error", done.error().message()}});
      done = rebuild(wanted);
    }
  } else if (needs_tables(wanted) || !were_none()) {  // a host without policies has no tables
    done = rebuild(wanted);
  }
  if (done) applied_ = std::move(wanted);
  return done;
}

Status PolicyGuard::plug(const std::string& address, const Cable& cable) {
  const std::lock_guard lock(nft_mutex());
  if (!is_active()) return Ok{};
  const auto known = cables_.find(address);
  if (known != cables_.end() && known->second == cable) return Ok{};
  const auto* policed = find_pod(*applied_, address);
  auto text = known == cables_.end() ? std::string() : unplug_text(plan_.bridge, address, known->second, policed);
  text += plug_text(plan_.bridge, address, cable, policed);
  // The pod has its lease: all_() has it, too.
  if (!run_nft(text, "let frames of pod " + address + " in")) return rebuild(*applied_);
  cables_[address] = cable;
  return Ok{};
}

Status PolicyGuard::unplug(const std::string& address) {
  const std::lock_guard lock(nft_mutex());
  if (!is_active()) return Ok{};
  const auto known = cables_.find(address);
  if (known == cables_.end()) return Ok{};
  const auto text = unplug_text(plan_.bridge, address, known->second, find_pod(*applied_, address));
  if (!run_nft(text, "let no more frames of pod " + address + " in")) return rebuild(*applied_);
  cables_.erase(known);
  return Ok{};
}

Status PolicyGuard::keep() {
  const std::lock_guard lock(nft_mutex());
  if (!is_active()) return Ok{};
  const auto there = nft_table_present(policy_table(plan_.bridge));
  if (!there || *there) return Ok{};
  return rebuild(*applied_);
}

}  // namespace berth::network
