// api/writes/eviction.cpp - see eviction.hpp.
#include "api/writes/eviction.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/encoding/json_body.hpp"
#include "api/writes/delete_handler.hpp"
#include "model/budgets.hpp"
#include "model/deletion.hpp"

namespace berth::api {

namespace {

using model::Kind;
using Taken = ApiResult<std::optional<model::Object>>;

/// More pods that were given away and are not gone: then nobody keeps the budget's status.
constexpr std::size_t kMaxDisrupted = 2000;
constexpr int kProcessingSeconds = 10;

/// Nothing is disrupted by its end.
bool needs_no_budget(const model::Object& pod) {
  const auto phase = text_at(pod.raw, {"status", "phase"});
  return pod.meta.deleting() || model::is_terminal_phase(phase) || phase == "Pending";
}

bool is_ready(const model::Object& pod) {
  const auto& conditions = array_at(pod.raw, {"status", "conditions"});
  return std::any_of(conditions.begin(), conditions.end(), [](const json::value& one) {
    return find_string(one, {"type"}) == "Ready" && find_string(one, {"status"}) == "True";
  });
}

ApiError refused(std::string why, int retry_after) {
  ApiError error{.code = 429,
                 .reason = "TooManyRequests",
                 .message = "Cannot evict pod as it would violate the pod's disruption budget."};
  error.causes.push_back({"DisruptionBudget", std::move(why), {}});
  error.retry_after_seconds = retry_after;
  return error;
}

/// A pod that is not ready takes nothing from its budget, if the budget lets it go.
bool goes_unhealthy(const model::DisruptionBudget& budget) {
  const auto& status = budget.status;
  return budget.always_allow_unhealthy ||
         (status.current_healthy >= status.desired_healthy && status.desired_healthy > 0);
}

Taken taken_from(const model::Object& object, const model::DisruptionBudget& budget, const model::Object& pod,
                 WallTime now) {
  if (!is_ready(pod) && goes_unhealthy(budget)) return std::optional<model::Object>{};
  const auto& name = budget.meta.name;
  auto status = budget.status;
  const auto& info = model::info(Kind::PodDisruptionBudget);
  if (status.observed_generation < budget.meta.generation) {
    return refused(fmt::format("The disruption budget {} is still being processed by the server.", name),
                   kProcessingSeconds);
  }
  if (status.disruptions_allowed < 0) return not_permitted(info, name, "pdb disruptions allowed is negative");
  if (status.disrupted_pods.size() > kMaxDisrupted) {
    return not_permitted(info, name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller");
  }
  if (status.disruptions_allowed == 0) {
    for (const auto& one : status.conditions) {
      if (one.type != model::kDisruptionAllowed || one.reason != model::kSyncFailed || one.status != "False") continue;
      return refused(fmt::format("The disruption budget {} does not allow evicting pods currently because it failed "
                                 "sync: {}",
                                 name, one.message),
                     0);
    }
    return refused(fmt::format("The disruption budget {} needs {} healthy pods and has {} currently", name,
                               status.desired_healthy, status.current_healthy),
                   0);
  }
  const auto time = format_rfc3339(now);
  if (--status.disruptions_allowed == 0) model::set_disruption_condition(status, time);
  status.disrupted_pods[pod.meta.name] = time;
  auto next = object;
  next.raw["status"] = model::encode_disruption_status(status);
  return std::optional(std::move(next));
}

/// The budget that takes the pod, with one less to give; nothing when the pod needs none.
Taken taken_from_budget(const ApiContext& context, const model::Object& pod) {
  if (needs_no_budget(pod)) return std::optional<model::Object>{};
  model::ObjectPtr found;
  std::optional<model::DisruptionBudget> budget;
  for (const auto& each : context.store.list(Kind::PodDisruptionBudget, pod.meta.ns).objects) {
    auto decoded = model::decode_disruption_budget(*each);
    if (!decoded || !decoded->takes(pod.meta.labels)) continue;
    if (budget) {
      return internal(
          "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
    }
    found = each;
    budget = *std::move(decoded);
  }
  if (!budget) return std::optional<model::Object>{};
  return taken_from(*found, *budget, pod, context.clock.wall());
}

}  // namespace

void handle_evict(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request,
                  Respond respond) {
  DeleteOptions options;
  options.dry_run = query.get("dryRun") == "All";
  if (!request.body.empty()) {
    const auto body = read_json_body(request);
    if (!body) return respond(to_response(body.error()));
    const auto kind = text_at(*body, {"kind"});
    const auto version = text_at(*body, {"apiVersion"});
    if ((!kind.empty() && kind != "Eviction") ||
        (!version.empty() && version != "policy/v1" && version != "policy/v1beta1")) {
      return respond(to_response(
          bad_request(fmt::format("{} in version \"{}\" cannot be handled as an Eviction", kind, version))));
    }
    const auto name = text_at(*body, {"metadata", "name"});
    if (!name.empty() && name != path.name) {
      return respond(to_response(bad_request(
          fmt::format("the name in the URL ({}) does not match the name of the Eviction ({})", path.name, name))));
    }
    if (const auto* nested = field(*body, {"deleteOptions"}); nested != nullptr && nested->is_object()) {
      if (auto taken = take_delete_options(nested->get_object(), options); !taken) {
        return respond(to_response(taken.error()));
      }
    }
  }
  delete_object(context, {path.kind, path.ns, path.name}, options,
                [respond = std::move(respond)](const ApiResult<Deletion>& deleted) {
                  if (!deleted) return respond(to_response(deleted.error()));
                  respond(success(201, "code", 201));
                },
                {.write = [&context](const model::Object& pod) { return taken_from_budget(context, pod); },
                 .edit =
                     [&context](json::object& raw) {
                       model::mark_disrupted(raw, "EvictionByEvictionAPI", "Eviction API: evicting",
                                             context.clock.wall());
                     }});
}

}  // namespace berth::api
