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

/// In one of the two only.
std::vector<PortMapping> differing(std::vector<PortMapping> a, std::vector<PortMapping> b) {
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
  if (applied_) {
    const auto change = change_of(plan_, *applied_, wanted);
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
  const auto now = udp_mappings(wanted);
  // At the start nobody knows what went meanwhile.
  const auto changed = applied_ ? differing(udp_mappings(*applied_), now) : now;
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
