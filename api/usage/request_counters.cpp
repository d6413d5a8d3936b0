// api/usage/request_counters.cpp - see request_counters.hpp.
#include "api/usage/request_counters.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "api/usage/metrics_page.hpp"
#include "model/meta.hpp"

namespace berth::api {
namespace {

constexpr std::array<std::string_view, 9> kSubresources{"attach",      "eviction", "exec",  "finalize", "log",
                                                        "portforward", "proxy",    "scale", "status"};

bool is_stream(const AccessRequest& access) {
  return access.subresource == "exec" || access.subresource == "attach" || access.subresource == "portforward" ||
         access.subresource == "proxy";
}

/// As the API server has them: GET, LIST, WATCH, POST, PUT, PATCH, DELETE, DELETECOLLECTION, CONNECT.
std::string_view verb_of(const AccessRequest& access) {
  if (is_stream(access)) return "CONNECT";
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kVerbs{
      {{"get", "GET"},
       {"list", "LIST"},
       {"watch", "WATCH"},
       {"create", "POST"},
       {"update", "PUT"},
       {"patch", "PATCH"},
       {"delete", "DELETE"},
       {"deletecollection", "DELETECOLLECTION"}}};
  for (const auto& [ours, theirs] : kVerbs) {
    if (access.verb == ours) return theirs;
  }
  return "OTHER";
}

std::string labels_of(const AccessRequest& access) {
  std::string_view group;
  std::string_view resource;
  std::string_view subresource;
  for (const auto& kind : model::all_kinds()) {
    if (access.resource != kind.plural) continue;
    resource = kind.plural;
    group = access.group == kind.group ? kind.group : std::string_view();
    const auto* const known = std::find(kSubresources.begin(), kSubresources.end(), access.subresource);
    if (known != kSubresources.end()) subresource = *known;
    break;
  }
  if (access.group == "metrics.k8s.io" && !resource.empty()) group = "metrics.k8s.io";
  return fmt::format(R"(verb="{}",group="{}",resource="{}",subresource="{}")", verb_of(access), group, resource,
                     subresource);
}

}  // namespace

void RequestCounters::add(const AccessRequest& access, unsigned code, std::chrono::nanoseconds took) {
  auto labels = labels_of(access);
  ++totals_[{labels, code}];
  if (access.verb == "watch" || is_stream(access)) return;
  auto& durations = durations_[std::move(labels)];
  if (!durations) durations = std::make_unique<Durations>(std::array<double, 8>{.001, .005, .025, .1, .5, 1, 5, 30});
  durations->add(std::chrono::duration<double>(took).count());
}

void RequestCounters::append(std::string& out) const {
  append_family(out, "apiserver_request_total", "counter", "Requests answered, by verb, resource and status code.");
  for (const auto& [key, count] : totals_) {
    out += fmt::format("apiserver_request_total{{{},code=\"{}\"}} {}\n", key.first, key.second, count);
  }
  append_family(out, "apiserver_request_duration_seconds", "histogram",
                "Time until the answer to a request began; watches and streams are not in it.");
  for (const auto& [labels, durations] : durations_) {
    append_histogram(out, "apiserver_request_duration_seconds", labels, *durations);
  }
}

}  // namespace berth::api
