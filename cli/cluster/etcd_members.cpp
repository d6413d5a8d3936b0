// cli/cluster/etcd_members.cpp - see etcd_members.hpp.
#include "cli/cluster/etcd_members.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.hpp"

namespace berth::cli {
namespace {

constexpr std::size_t kEnoughMembers = 3;

/// etcd writes what is 0, "" or false not at all.
std::uint64_t number_at(const json::value& from, std::initializer_list<std::string_view> path) {
  const auto* found = find(from, path);
  if (found == nullptr) return 0;
  if (found->is_uint64()) return found->get_uint64();
  return found->is_int64() ? static_cast<std::uint64_t>(found->get_int64()) : 0;
}

std::string first_text(const json::value& from, std::string_view key) {
  const auto* list = find(from, {key});
  if (list == nullptr || !list->is_array() || list->get_array().empty()) return {};
  const auto& first = list->get_array().front();
  return first.is_string() ? std::string(view(first.get_string())) : std::string();
}

}  // namespace

std::string Member::hex_id() const { return fmt::format("{:x}", id); }

Result<std::vector<Member>> parse_members(std::string_view text) {
  const auto document = parse_json(text);
  const auto* list = document ? find(*document, {"members"}) : nullptr;
  if (list == nullptr || !list->is_array()) {
    return Error(ErrorCode::InvalidArgument, "etcdctl member list says something else than its members");
  }
  std::vector<Member> members;
  for (const auto& each : list->get_array()) {
    const auto* learner = find(each, {"isLearner"});
    members.push_back({.id = number_at(each, {"ID"}),
                       .name = std::string(find_string(each, {"name"})),
                       .peer_url = first_text(each, "peerURLs"),
                       .client_url = first_text(each, "clientURLs"),
                       .learner = learner != nullptr && learner->is_bool() && learner->get_bool()});
  }
  return members;
}

std::vector<MemberState> parse_member_states(std::string_view text) {
  std::vector<MemberState> states;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with("[")) continue;
    const auto list = parse_json(line);
    if (!list || !list->is_array()) continue;
    for (const auto& each : list->get_array()) {
      const auto* status = find(each, {"Status"});
      if (status == nullptr) continue;
      MemberState state{.endpoint = std::string(find_string(each, {"Endpoint"})),
                        .id = number_at(*status, {"header", "member_id"}),
                        .leader = number_at(*status, {"leader"}),
                        .revision = static_cast<std::int64_t>(number_at(*status, {"header", "revision"})),
                        .size = static_cast<std::int64_t>(number_at(*status, {"dbSize"})),
                        .errors = {}};
      if (const auto* errors = find(*status, {"errors"}); errors != nullptr && errors->is_array()) {
        for (const auto& error : errors->get_array()) {
          if (error.is_string()) state.errors.emplace_back(view(error.get_string()));
        }
      }
      states.push_back(std::move(state));
    }
  }
  return states;
}

MemberPlan plan_member(const std::vector<Member>& members, const MemberWish& wish) {
  for (const auto& each : members) {
    // Whoever has our name elsewhere is us at an address of before. What it has on disk goes on counting.
    if (each.name == wish.name && each.peer_url != wish.peer_url) {
      return {wish.has_data ? MemberStep::Move : MemberStep::Replace, each};
    }
    if (each.peer_url != wish.peer_url) continue;
    if (each.name.empty()) return {MemberStep::Start, each};
    // A member that comes back without its data may have voted for what it does not know any more.
    if (!wish.has_data) return {MemberStep::Replace, each};
    return {each.learner ? MemberStep::Promote : MemberStep::Member, each};
  }
  const bool add =
      wish.membership == Membership::Yes || (wish.membership == Membership::Auto && members.size() < kEnoughMembers);
  return {add ? MemberStep::Add : MemberStep::Client};
}

std::string initial_cluster(const std::vector<Member>& members, std::string_view name, std::string_view peer_url) {
  std::string out;
  for (const auto& each : members) {
    if (each.peer_url == peer_url || each.name.empty()) continue;
    out += fmt::format("{}={},", each.name, each.peer_url);
  }
  return out + fmt::format("{}={}", name, peer_url);
}

std::vector<std::string> client_endpoints(const std::vector<Member>& members, std::string_view first) {
  std::vector<std::string> out;
  for (const auto& each : members) {
    if (each.learner || each.client_url.empty()) continue;
    out.insert(each.client_url == first ? out.begin() : out.end(), each.client_url);
  }
  return out;
}

}  // namespace berth::cli
