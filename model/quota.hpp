// model/quota.hpp - what a ResourceQuota counts, and whether it has room. Pure.
#pragma once

#include <set>

#include "model/admission.hpp"
#include "model/pod_resources.hpp"

namespace berth::model {

/// Of which kinds the quota counts objects.
std::set<Kind> kinds_counted(const json::object& quota);

/// What all objects of the quota's namespace use of each name in spec.hard. Pods that are over use nothing but
/// count/pods; with scopes only pods of these count.
Amounts quota_used(const Object& quota, const Stored& stored);

/// status of the quota: what is in force, and what is used.
json::object quota_status(const Object& quota, const Stored& stored);

/// PermissionDenied, in Kubernetes' words (plugin ResourceQuota): a quota of the namespace has no room for the new
/// object, or bounds what a container of it does not say.
Status admit_by_quotas(Kind kind, const json::object& raw, const Stored& stored);

/// As well, for what a Service or a claim asks for beyond what `old` did; other kinds only grow with their number.
Status admit_growth_by_quotas(Kind kind, const json::object& raw, const json::object& old, const Stored& stored);

}  // namespace berth::model
