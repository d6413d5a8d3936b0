// cli/cluster/member_steps.cpp - see member_steps.hpp.
#include "cli/cluster/member_steps.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "cli/cluster/before_joining.hpp"

namespace berth::cli {
namespace {

constexpr std::chrono::minutes kPatience{2};
constexpr std::chrono::milliseconds kLookAgain{300};
/// Until an etcd that was started has said who it is.
constexpr std::chrono::seconds kBegins{30};

class MemberSteps {
 public:
  MemberSteps(const Etcdctl& etcdctl, const HostPlaces& places, HostServices& services, std::string name,
              std::string host)
      : etcdctl_(etcdctl), places_(places), services_(services), name_(std::move(name)), host_(std::move(host)) {}

  Result<std::vector<Member>> run(Membership membership) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    // It knows by its data who it is, and may be the only one that can tell who its members are.
    if (auto here = listen_here(); !here) return here.error();
    for (;;) {
      auto members = etcdctl_.members();
      if (!members) return members;
      const auto plan = plan_member(*members, {name_, peer_url(host_), membership, has_data()});
      if (plan.step == MemberStep::Client) return members;
      if (auto good = may_be_taken(plan); !good) return good.error();
      const auto taken = take(plan, *members);
      if (taken && plan.step == MemberStep::Member) return members;
      if (std::chrono::steady_clock::now() >= end) {
        return Error(ErrorCode::DeadlineExceeded,
                     "make this host a member of the etcd: " + (taken ? "not in time" : taken.error().message()));
      }
      // "etcdserver: too many learner members in cluster", "... not in sync with leader": others, or time, mend it.
      std::this_thread::sleep_for(kLookAgain);
    }
  }

 private:
  bool has_data() const { return ::access((places_.etcd_data / "member" / "wal").c_str(), F_OK) == 0; }

  /// What cannot come to anything is not begun, and one that never began is taken out again: as a learner it would keep
  /// out everybody else.
  Status may_be_taken(const MemberPlan& plan) {
    if (plan.step == MemberStep::Add || plan.step == MemberStep::Replace) {
      auto stopped = services_.stop_etcd();  // Its own, of an earlier try.
      return stopped ? has_place_for_member(host_, places_.etcd_data) : stopped;
    }
    if (plan.step != MemberStep::Start) return Ok{};
    const auto now = std::chrono::steady_clock::now();
    if (!begun_) begun_ = now;
    if (now - *begun_ < kBegins) return Ok{};
    if (auto stopped = services_.stop_etcd(); !stopped) return stopped;
    if (auto removed = etcdctl_.run({"member", "remove", plan.target.hex_id()}); !removed) return removed.error();
    return Error(ErrorCode::DeadlineExceeded,
                 fmt::format("the etcd of this host did not begin within {} s, and is no member: its journal says why "
                             "(journalctl -u berth-etcd, {}); then run this again",
                             kBegins.count(), (places_.run_dir / "etcd.log").native()));
  }

  Status take(const MemberPlan& plan, const std::vector<Member>& members) {
    switch (plan.step) {
      case MemberStep::Client: return Ok{};
      case MemberStep::Replace:
        std::cout << fmt::format("removing the lost member {} ({})\n", plan.target.name, plan.target.peer_url);
        // What it has on disk counts for the quorum until it is out, and etcd refuses when it is needed.
        return said(etcdctl_.run({"member", "remove", plan.target.hex_id()}));
      case MemberStep::Move:
        std::cout << fmt::format("member {}: {} becomes {}\n", name_, plan.target.peer_url, peer_url(host_));
        return said(etcdctl_.run({"member", "update", plan.target.hex_id(), "--peer-urls=" + peer_url(host_)}));
      case MemberStep::Add:
        if (auto dropped = drop_data(); !dropped) return dropped;
        return said(etcdctl_.run({"member", "add", name_, "--learner", "--peer-urls=" + peer_url(host_)}));
      case MemberStep::Start: {
        const auto cluster = initial_cluster(members, name_, peer_url(host_));
        const auto text = etcd_text({.name = name_, .host = host_, .initial_cluster = cluster}, places_);
        auto written = write_file(places_.etcd_config, text, 0644, Durability::Durable);
        return written ? services_.start_etcd() : written;
      }
      case MemberStep::Promote:
        if (auto started = services_.start_etcd(); !started) return started;
        return said(etcdctl_.run({"member", "promote", plan.target.hex_id()}));
      case MemberStep::Member: return services_.start_etcd();
    }
    std::abort();
  }

  /// A member that has data and listens at an address of before begins anew at this one.
  Status listen_here() {
    if (!has_data()) return Ok{};
    const auto peer = peer_url(host_);
    const auto text = etcd_text({.name = name_, .host = host_, .initial_cluster = name_ + "=" + peer}, places_);
    if (const auto now = read_file(places_.etcd_config); now && now->find(peer) != std::string::npos) return Ok{};
    if (auto stopped = services_.stop_etcd(); !stopped) return stopped;
    if (auto written = write_file(places_.etcd_config, text, 0644, Durability::Durable); !written) return written;
    return services_.start_etcd();
  }

  /// What was here before belongs to no member.
  Status drop_data() {
    if (auto stopped = services_.stop_etcd(); !stopped) return stopped;
    std::error_code error;
    std::filesystem::remove_all(places_.etcd_data, error);
    return error ? Status(Error::from_errno(error.value(), "remove " + places_.etcd_data.native())) : Status(Ok{});
  }

  static Status said(const Result<std::string>& ran) {
    if (!ran) return ran.error();
    return Ok{};
  }

  const Etcdctl& etcdctl_;
  const HostPlaces& places_;
  HostServices& services_;
  const std::string name_;
  const std::string host_;
  std::optional<std::chrono::steady_clock::time_point> begun_;  ///< When its etcd was started first.
};

}  // namespace

Result<std::vector<Member>> take_member_steps(const Etcdctl& etcdctl, const HostPlaces& places, HostServices& services,
                                              const std::string& name, const std::string& host, Membership membership) {
  return MemberSteps(etcdctl, places, services, name, host).run(membership);
}

}  // namespace berth::cli
