// agent/name_publisher.cpp - see name_publisher.hpp.
#include "agent/name_publisher.hpp"

#include <utility>

#include "agent/objects/manual_endpoints.hpp"
#include "agent/services/endpoint_controller.hpp"
#include "agent/services/host_routes.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

using model::Kind;

void say_news(const std::string& link, const std::string& error) {
  if (error.empty()) {
    log(LogLevel::Info, "the host knows the pods' names", {{"link", link}});
  } else {
    log(LogLevel::Warning, "systemd-resolved does not take the pods' names, trying again",
        {{"link", link}, {"error", error}});
  }
}

}  // namespace

void NamePublisher::tell_host(const systemd::HostResolverConfig& config) {
  resolver_ = systemd::make_host_resolver(config, [&loop = rooms_.loop, link = config.link](const std::string& error) {
    loop.post([link, error] { say_news(link, error); });
  });
}

void NamePublisher::judge(std::set<std::string> strangers) {
  last_known_.judge(std::move(strangers));
  publish();
}

void NamePublisher::on_change(const store::Change& change) {
  const auto& object = *change.object;
  const auto deleted = change.type == store::ChangeType::Deleted;
  if (object.kind == Kind::Pod) {
    if (!endpoints_changed(change)) return;
    // With the address and the readiness that its names answer with.
    if (!deleted && rooms_.records.has_pod(object.meta.uid)) rooms_.records.keep(change.object);
    publish();
  } else if (object.kind == Kind::Service) {
    record(change.object, !deleted);
    publish();
  } else if (object.kind == Kind::Endpoints || object.kind == Kind::EndpointSlice) {
    // Made by hand for a service without a selector: that service's names.
    if (is_derived(object) && (!change.previous || is_derived(*change.previous))) return;
    record(change.object, !deleted && !is_derived(object));
    publish();
  } else if (object.kind == Kind::NetworkPolicy || object.kind == Kind::Namespace) {
    record(change.object, !deleted);
  }
}

void NamePublisher::on_snapshot() {
  auto all = rooms_.store.list(Kind::Service).objects;
  for (const auto kind : {Kind::Endpoints, Kind::EndpointSlice}) {
    rooms_.store.visit(kind, {}, [&](const model::ObjectPtr& object) {
      if (!is_derived(*object)) all.push_back(object);
    });
  }
  for (const auto kind : {Kind::NetworkPolicy, Kind::Namespace}) {
    const auto others = rooms_.store.list(kind).objects;
    all.insert(all.end(), others.begin(), others.end());
  }
  rooms_.records.keep_all(all);
  publish();
}

/// A service, or endpoints made by hand.
void NamePublisher::record(const model::ObjectPtr& object, bool is_there) {
  if (is_there) return rooms_.records.keep(object);
  rooms_.records.forget(object->key());
  last_known_.forget(object->key());
}

void NamePublisher::publish() {
  if (!rooms_.is_settling()) post();
}

/// Posted, so that a burst of changes makes one zone.
void NamePublisher::post() {
  if (std::exchange(posted_, true)) return;
  rooms_.loop.post([this] {
    posted_ = false;
    make_zone();
  });
}

void NamePublisher::make_zone() {
  if (building_) {
    changed_ = true;
    return;
  }
  building_ = true;
  auto made = last_known_.names(rooms_.cache, rooms_.cluster_domain, rooms_.leads_on);
  made.servers = rooms_.servers;
  auto names = std::make_shared<const network::DnsNames>(std::move(made));
  if (resolver_) tell_resolver(*names);
  rooms_.lane.run([this, names = std::move(names), &dns = rooms_.dns, &loop = rooms_.loop] {
    dns.publish(*names);
    loop.post([this] {
      building_ = false;
      if (!std::exchange(named_, true)) rooms_.on_first();
      if (std::exchange(changed_, false)) post();
    });
  });
}

void NamePublisher::tell_resolver(const network::DnsNames& names) {
  auto routes = host_routes(names, systemd::kMostDomains);
  resolver_->set({.domains = std::move(routes.domains), .left_out = routes.left_out});
  const auto left_out = routes.left_out > 0;
  if (left_out == std::exchange(left_out_, left_out)) return;
  log(LogLevel::Warning,
      left_out ? "not all short names are known to the host, systemd-resolved takes no more"
               : "all short names are known to the host again",
      {{"domains", std::to_string(systemd::kMostDomains)}, {"left_out", std::to_string(routes.left_out)}});
}

}  // namespace berth::agent
