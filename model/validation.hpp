// model/validation.hpp - the validators' shared pieces, inside model/ only. Values have the right types already.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "model/meta.hpp"
#include "model/pod.hpp"
#include "model/reader.hpp"

namespace berth::model {

// The words of k8s.io/apimachinery/pkg/util/validation/field, in lower case.

/// Notes "required" when the string is absent or empty; true when it is there.
bool require_text(const Reader& from, std::string_view name);
/// Notes "invalid value: "x": why" when `why` is not empty.
void check_text(const Reader& from, std::string_view name, std::string (*check)(std::string_view));
/// Notes "unsupported value: ..." when a value is set and not listed.
void check_choice(const Reader& from, std::string_view name, std::initializer_list<std::string_view> choices);
/// Notes a number outside [low, high]; absent is fine.
void check_range(const Reader& from, std::string_view name, std::int64_t low,
                 std::int64_t high = std::numeric_limits<std::int64_t>::max());
/// A port: required, 1 to 65535.
void check_port_number(const Reader& from, std::string_view name);
/// A port number, or the name of one.
void check_port_or_name(const Reader& from, std::string_view name);
/// Notes "duplicate value: ..." when `value` was seen; empty values are not counted.
void check_unique(const Reader& from, std::string_view name, const std::string& value, std::set<std::string>& seen);
/// Keys and values of a label map.
void check_labels(const Reader& from, std::string_view name);
void check_label_selector(const Reader& selector);
void check_requirements(const Reader& from, std::string_view name, bool for_nodes);
void check_node_selector(const Reader& selector);
/// "invalid value: \"x\": why", the value cut to a readable length.
std::string invalid(std::string_view value, std::string_view why);

/// Names of a pod's volumes; true for those that a claim backs.
using VolumeNames = std::map<std::string, bool>;

void check_meta(const Reader& metadata, const KindInfo& kind);
void check_pod_spec(const Reader& spec, const std::set<std::string>& claim_templates, bool in_set);
void check_container(const Reader& container, const VolumeNames& volumes, bool init);
void check_field_ref(const Reader& parent);
void check_volumes(const Reader& pod_spec, VolumeNames& names);
/// The sources that a pod's volume and a PersistentVolume's spec may both have, and local. `volume_name`: the
/// PersistentVolume's; empty for a pod's volume.
void check_shared_sources(const Reader& holder, std::string_view volume_name);
void check_stateful_set(const Reader& root);
void check_daemon_set(const Reader& root);
void check_service(const Reader& root);
void check_claim_spec(const Reader& spec);
void check_persistent_volume(const Reader& root);
void check_storage_class(const Reader& root);
void check_config_map(const Reader& root);
void check_secret(const Reader& root);
void check_node(const Reader& root);

/// What may not change between two versions of an object.
void check_update(Kind kind, const Reader& root, const Reader& old);

}  // namespace berth::model
