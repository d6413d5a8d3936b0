// network/service_proxy.cpp - see service_proxy.hpp.
#include "network/service_proxy.hpp"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

#include "base/log.hpp"
#include "network/conntrack.hpp"
#include "network/nft.hpp"

namespace berth::network {
namespace {

std::vector<PortMapping> in_one_only(std::vector<PortMapping> a, std::vector<PortMapping> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  std::vector<PortMapping> out;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

}  // namespace

Status ServiceProxy::rebuild(const ServiceRoutes& wanted) const {
  return run_nft(services_text(plan_, wanted), "build nftables table " + service_table(plan_.bridge));
}

Status ServiceProxy::apply(const ServiceChange& change) const {
  const auto doing = "change nftables table " + change.table;
  if (auto batch = batch_of(change)) {
    auto done = batch->commit(doing);
    if (done) return done;
    log(LogLevel::Debug, "a change of the services' table is left to libnftables", {{"error", done.error().message()}});
  }
  return run_nft(text_of(change), doing);
}

Status ServiceProxy::set(ServiceRoutes wanted) {
  const std::lock_guard lock(nft_mutex());
  auto done = Status(Ok{});
  // Of the few that differ, as a rule: everything from here on looks at these only.
  const auto gone = applied_ ? differing(*applied_, wanted) : ServiceRoutes();
  const auto fresh = applied_ ? differing(wanted, *applied_) : wanted;
  if (applied_) {
    const auto change = change_of(plan_, gone, fresh);
    if (change.empty()) {
      applied_ = std::move(wanted);
      return Ok{};
    }
    done = apply(change);
    if (!done) {
      log(LogLevel::Debug, "the services' table is not what it was, building it again",
          {{"error", done.error().message()}});
      done = rebuild(wanted);
    }
  } else {
    // Nothing is wanted and nothing was left: a host without services has no table.
    if (wanted.empty() && !nft_table_present(service_table(plan_.bridge)).value_or(true)) return Ok{};
    done = rebuild(wanted);
  }
  if (!done) return done;
  const auto now = udp_mappings(fresh);
  // At the start nobody knows what went meanwhile.
  const auto changed = applied_ ? in_one_only(udp_mappings(gone), now) : now;
  applied_ = std::move(wanted);
  // Services are not held up by what may have been missed.
  if (auto forgotten = forget_stale_flows(changed, now); !forgotten) {
    log(LogLevel::Warning, forgotten.error().message());
  }
  return done;
}

Status ServiceProxy::keep() {
  const std::lock_guard lock(nft_mutex());
  if (!applied_) return Ok{};
  const auto there = nft_table_present(service_table(plan_.bridge));
  if (!there || *there) return Ok{};
  return rebuild(*applied_);
}

}  // namespace berth::network
