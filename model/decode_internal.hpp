// model/decode_internal.hpp - the decoders' shared pieces, inside model/ only.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "model/pod.hpp"
#include "model/reader.hpp"
#include "model/workloads.hpp"

namespace berth::model {

/// The typed view of an object: its metadata, and what `read` takes from the rest. InvalidArgument with the first
/// issue.
template <typename View>
Result<View> decode(const Object& object, void (*read)(const Reader& root, View& view)) {
  Issues issues;
  View view;
  view.meta = object.meta;
  read(Reader(object.raw, "", issues), view);
  return unless_issues(std::move(view), issues);
}

/// The condition of that type, or null.
template <typename Condition>
const Condition* condition_of(const std::vector<Condition>& conditions, std::string_view type) {
  for (const auto& one : conditions) {
    if (one.type == type) return &one;
  }
  return nullptr;
}

std::vector<Volume> read_volumes(const Reader& pod_spec);
std::optional<DiskSource> read_disk_source(const Reader& parent);
PersistentSource read_persistent_source(const Reader& spec);
Container read_container(const Reader& container);
std::optional<FieldRef> read_field_ref(const Reader& parent);
std::optional<ResourceFieldRef> read_resource_field_ref(const Reader& parent);
std::optional<SeccompProfile> read_seccomp(const Reader& security_context);
std::optional<AppArmorProfile> read_app_armor(const Reader& security_context);
std::vector<SelectorRequirement> read_requirements(const Reader& parent, std::string_view name);
std::vector<NodeSelectorTerm> read_node_selector(const Reader& node_selector);
PodSpec read_pod_spec(const Reader& spec);
PodTemplate read_pod_template(const Reader& from);
PodStatus read_pod_status(const Reader& status);
/// Validation has looked at it: what is no number and no share is as if nothing were said.
CountOrPercent read_count_or_percent(const Reader& from, std::string_view name, CountOrPercent preset);
LabelSelector read_label_selector(const Reader& selector);

}  // namespace berth::model
