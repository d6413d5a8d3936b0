// agent/claims/pool_hold.cpp - see pool_hold.hpp.
#include "agent/claims/pool_hold.hpp"

#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

PoolHold read(const json::object& lease) {
  const auto* spec = lease.if_contains("spec");
  if (spec == nullptr) return {};
  const auto* turn = find(*spec, {"leaseTransitions"});
  return {std::string(find_string(*spec, {"holderIdentity"})),
          turn != nullptr && turn->is_int64() ? turn->get_int64() : 0};
}

}  // namespace

model::ObjectKey pools_key() { return {model::Kind::Lease, "kube-system", "berth-pools"}; }

PoolHold read_pool_hold(const store::Store& store) {
  const auto lease = store.get(pools_key());
  return lease ? read(lease->raw) : PoolHold{};
}

std::vector<Write> take_pools_after(const PoolHold& before, const std::string& node) {
  const auto key = pools_key();
  std::vector<Write> writes;
  writes.push_back({.verb = Write::Verb::Create,
                    .key = key,
                    .object = {{"apiVersion", "coordination.k8s.io/v1"},
                               {"kind", "Lease"},
                               {"metadata", {{"name", key.name}, {"namespace", key.ns}}},
                               {"spec", json::object()}},
                    .may_exist = true});
  writes.push_back({.key = key,
                    .edit =
                        [before, node](json::object& raw) {
                          if (read(raw) != before) return Edit::Refuse;
                          auto& spec = model::object_in(raw, "spec");
                          spec["holderIdentity"] = node;
                          spec["leaseTransitions"] = before.turn + 1;
                          return Edit::Done;
                        },
                    .after = true});
  return writes;
}

Write give_pools_back(const PoolHold& hold) {
  return {.key = pools_key(), .edit = [hold](json::object& raw) {
            if (read(raw) != hold) return Edit::Leave;
            model::object_in(raw, "spec").erase("holderIdentity");
            return Edit::Done;
          }};
}

}  // namespace berth::agent
