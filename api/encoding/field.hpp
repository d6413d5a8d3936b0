// api/encoding/field.hpp - reading raw objects forgivingly, for rows.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "model/meta.hpp"

namespace berth::api {

/// The value at that path of the object; null when missing.
const json::value* field(const json::object& from, std::initializer_list<std::string_view> path);
/// Empty when missing.
std::string_view text_at(const json::object& from, std::initializer_list<std::string_view> path);
/// Zero when missing.
std::int64_t number_at(const json::object& from, std::initializer_list<std::string_view> path);
bool flag_at(const json::object& from, std::initializer_list<std::string_view> path);
/// An empty array when missing.
const json::array& array_at(const json::object& from, std::initializer_list<std::string_view> path);
/// Number of members, or of elements; zero when missing.
std::size_t size_at(const json::object& from, std::initializer_list<std::string_view> path);

/// "<none>" instead of nothing.
std::string or_none(std::string_view text);
/// "a=b,c=d" of an object of strings, or "<none>".
std::string labels_text(const json::value* labels);
/// A metav1.LabelSelector as kubectl writes it: "app=web,tier in (a,b)", or "<none>".
std::string selector_text(const json::value* selector);
/// The `name` (or `image`) of each element, joined by commas.
std::string joined(const json::array& elements, std::string_view member);
/// "RWO,ROX" from ReadWriteOnce, ReadOnlyMany.
std::string access_modes_text(const json::array& modes);

// One row each; the cells after the name are in the order of table_columns().
json::array pod_cells(const model::Object& pod, WallTime now);
json::array stateful_set_cells(const model::Object& set, WallTime now);
json::array daemon_set_cells(const model::Object& set, WallTime now);
json::array job_cells(const model::Object& job, WallTime now);
json::array cron_job_cells(const model::Object& cron, WallTime now);
json::array deployment_cells(const model::Object& deployment, WallTime now);
/// Of a ReplicaSet or a ReplicationController.
json::array replica_set_cells(const model::Object& set, WallTime now);
json::array controller_revision_cells(const model::Object& revision, WallTime now);
json::array service_cells(const model::Object& service, WallTime now);
json::array endpoints_cells(const model::Object& endpoints, WallTime now);
json::array endpoint_slice_cells(const model::Object& slice, WallTime now);
json::array node_cells(const model::Object& node, WallTime now);
json::array claim_cells(const model::Object& claim, WallTime now);
json::array volume_cells(const model::Object& volume, WallTime now);
json::array storage_class_cells(const model::Object& storage_class, WallTime now);
json::array attachment_cells(const model::Object& attachment, WallTime now);
json::array ingress_cells(const model::Object& ingress, WallTime now);
json::array ingress_class_cells(const model::Object& ingress_class, WallTime now);
json::array runtime_class_cells(const model::Object& runtime_class, WallTime now);
json::array priority_class_cells(const model::Object& priority_class, WallTime now);
/// Of a RoleBinding or a ClusterRoleBinding.
json::array role_binding_cells(const model::Object& binding, WallTime now);
/// The name, and when it was made: roles, limit ranges.
json::array created_cells(const model::Object& object, WallTime now);
json::array pod_template_cells(const model::Object& pod_template, WallTime now);
json::array resource_quota_cells(const model::Object& quota, WallTime now);
json::array disruption_budget_cells(const model::Object& budget, WallTime now);
json::array network_policy_cells(const model::Object& policy, WallTime now);
json::array autoscaler_cells(const model::Object& autoscaler, WallTime now);
json::array signing_request_cells(const model::Object& request, WallTime now);
json::array event_cells(const model::Object& event, WallTime now);

}  // namespace berth::api
