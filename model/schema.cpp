// model/schema.cpp - see schema.hpp.
#include "model/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/edit_distance.hpp"
#include "model/json_edit.hpp"
#include "model/schema_types.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

std::string unknown_field_message(const SchemaType& type, std::string_view name) {
  constexpr std::size_t kLongestName = 48;
  if (name.size() <= kLongestName) {
    for (const auto& field : type.fields) {
      if (edit_distance(name, field.name) <= 2) {
        return fmt::format("unknown field, ignored; did you mean {}?", field.name);
      }
    }
  }
  return "unknown field, ignored";
}

/// Is this what defaulting or a client writes when nothing was asked for? Then there is nothing to warn of.
bool means_nothing(std::string_view name, const json::value& value) {
  constexpr std::pair<std::string_view, std::string_view> kDefaults[] = {{"serviceAccountName", "default"},
                                                                         {"serviceAccount", "default"},
                                                                         {"preemptionPolicy", "PreemptLowerPriority"},
                                                                         {"externalTrafficPolicy", "Cluster"},
                                                                         {"supplementalGroupsPolicy", "Merge"},
                                                                         {"seLinuxChangePolicy", "Recursive"},
                                                                         {"cachingMode", "ReadWrite"},
                                                                         {"kind", "Shared"}};
  switch (value.kind()) {
    case json::kind::null: return true;
    case json::kind::object: return value.get_object().empty();
    case json::kind::array: return value.get_array().empty();
    // All else is off when it is false.
    case json::kind::bool_: return value.get_bool() == (name == "allocateLoadBalancerNodePorts");
    case json::kind::int64: return value.get_int64() == 0;
    case json::kind::uint64: return value.get_uint64() == 0;
    case json::kind::double_: return false;
    case json::kind::string: break;
  }
  const auto text = view(value.get_string());
  return text.empty() ||
         std::find(std::begin(kDefaults), std::end(kDefaults), std::pair(name, text)) != std::end(kDefaults);
}

/// A volume of a kind that is not mounted here is more than a field without effect: its pod cannot start. Where pods
/// are among each other is asked of many hosts, not of one.
std::string_view no_effect(const SchemaType& type, const SchemaField& field) {
  const bool source = (type.name == "Volume" && is_volume_source(field.name)) ||
                      (type.name == "VolumeSpec" && is_persistent_volume_source(field.name));
  if (source) return "volumes of this kind cannot be mounted here: a pod that uses it does not start";
  constexpr std::string_view kAmongHosts[] = {"preferredDuringSchedulingIgnoredDuringExecution", "podAffinity",
                                              "podAntiAffinity", "topologySpreadConstraints"};
  const auto among_hosts = std::find(std::begin(kAmongHosts), std::end(kAmongHosts), field.name);
  return among_hosts != std::end(kAmongHosts) ? "has an effect only where hosts share a store" : "has no effect here";
}

/// Walks JSON along the types, noting errors or warnings.
class Walk {
 public:
  explicit Walk(bool errors) : errors_(errors) {}

  void object(const SchemaType& type, const json::object& object, const std::string& path) {
    for (const auto& entry : object) {
      if (full()) return;
      const auto name = key_of(entry);
      const auto* field = type.find(name);
      if (field == nullptr) {
        if (!type.open && !errors_) note(join_path(path, name), unknown_field_message(type, name));
        continue;
      }
      if (entry.value().is_null()) continue;
      const auto field_path = join_path(path, name);
      const bool without_effect = !field->honoured && !errors_;
      if (without_effect && !quiet_ && !means_nothing(name, entry.value())) {
        note(field_path, std::string(no_effect(type, *field)));
      }
      const auto was_quiet = std::exchange(quiet_, quiet_ || without_effect);
      wrapped(field->ref, entry.value(), field_path);
      quiet_ = was_quiet;
    }
  }

  Issues take() { return std::move(issues_); }

 private:
  /// A manifest cannot make us build an endless list of complaints.
  bool full() const { return issues_.size() >= 100; }

  void note(std::string path, std::string message) {
    if (!full()) issues_.push_back({std::move(path), std::move(message)});
  }

  void mismatch(const std::string& path, std::string_view wanted, const json::value& found,
                std::string_view hint = {}) {
    if (errors_) note(path, fmt::format("expected {}, found {}{}", wanted, describe(found), hint));
  }

  void wrapped(const TypeRef& ref, const json::value& value, const std::string& path) {
    switch (ref.wrap) {
      case Wrap::None: return single(ref, value, path);
      case Wrap::List: {
        const auto* list = value.if_array();
        if (list == nullptr) return mismatch(path, "a list", value);
        for (std::size_t i = 0; i < list->size() && !full(); ++i)
          single(ref, (*list)[i], fmt::format("{}[{}]", path, i));
        return;
      }
      case Wrap::Map: {
        const auto* map = value.if_object();
        if (map == nullptr) return mismatch(path, "a mapping", value);
        for (const auto& entry : *map) {
          if (full()) return;
          if (!entry.value().is_null()) single(ref, entry.value(), join_path(path, key_of(entry)));
        }
        return;
      }
    }
  }

  void single(const TypeRef& ref, const json::value& value, const std::string& path) {
    switch (ref.shape) {
      case Shape::Any: return;
      case Shape::Text:
        if (!value.is_string()) {
          const bool scalar = value.is_number() || value.is_bool();
          mismatch(path, "a string", value, scalar ? "; put it in quotes" : "");
        }
        return;
      case Shape::Time: return time(value, path);
      case Shape::Flag:
        if (!value.is_bool()) mismatch(path, "true or false", value);
        return;
      case Shape::Int32:
      case Shape::Int64: return integer(ref.shape, value, path);
      case Shape::Quantity: return quantity(value, path);
      case Shape::IntOrText:
        if (!value.is_string()) integer(Shape::Int32, value, path);
        return;
      case Shape::Struct:
        if (const auto* object_value = value.if_object()) return object(*ref.type, *object_value, path);
        return mismatch(path, "a mapping", value);
    }
  }

  void integer(Shape shape, const json::value& value, const std::string& path) {
    const auto number = as_integer(value);
    if (!number) {
      return mismatch(path, "an integer", value, value.is_string() ? "; remove the quotes" : "");
    }
    const bool fits = shape == Shape::Int64 || (*number >= std::numeric_limits<std::int32_t>::min() &&
                                                *number <= std::numeric_limits<std::int32_t>::max());
    if (!fits && errors_) note(path, fmt::format("invalid value: {}: does not fit in 32 bits", *number));
  }

  void time(const json::value& value, const std::string& path) {
    const auto* text = value.if_string();
    if (text == nullptr) return mismatch(path, "a time", value);
    if (errors_ && !parse_rfc3339({text->data(), text->size()})) {
      note(path, invalid({text->data(), text->size()}, "times look like 2006-01-02T15:04:05Z (RFC 3339)"));
    }
  }

  void quantity(const json::value& value, const std::string& path) {
    if (!errors_) return;
    const auto text = quantity_text(value);
    if (!text) return mismatch(path, "a quantity", value);
    const auto parsed = Quantity::parse(*text);
    if (!parsed) note(path, parsed.error().message());
  }

  bool errors_;
  bool quiet_ = false;  ///< Inside a field that has no effect: its own have none either, but may be unknown.
  Issues issues_;
};

void remove_nulls_in(const SchemaType& type, json::object& object);

void remove_nulls_below(const TypeRef& ref, json::value& value) {
  if (ref.wrap == Wrap::Map) {
    auto* map = value.if_object();
    if (map == nullptr || ref.shape != Shape::Text) return;
    for (auto& entry : *map) {
      if (entry.value().is_null()) entry.value() = "";
    }
    return;
  }
  if (ref.shape != Shape::Struct) return;
  if (auto* object = value.if_object(); object != nullptr && ref.wrap == Wrap::None)
    remove_nulls_in(*ref.type, *object);
  if (auto* list = value.if_array(); list != nullptr && ref.wrap == Wrap::List) {
    for (auto& item : *list) {
      if (auto* object = item.if_object()) remove_nulls_in(*ref.type, *object);
    }
  }
}

void remove_nulls_in(const SchemaType& type, json::object& object) {
  std::vector<std::string> nulls;
  for (auto& entry : object) {
    const auto* field = type.find(key_of(entry));
    if (entry.value().is_null()) {
      nulls.emplace_back(key_of(entry));
    } else if (field != nullptr) {
      remove_nulls_below(field->ref, entry.value());
    }
  }
  for (const auto& name : nulls) object.stable_erase(object.find(name));
}

void canonicalize(json::value& value, QuantityStep step) {
  const auto text = quantity_text(value);
  if (!text) return;
  if (auto written = canonical_quantity(*text, step)) value = *std::move(written);
}

void canonicalize_in(const SchemaType& type, json::object& object);

void canonicalize_below(const TypeRef& ref, json::value& value) {
  if (ref.shape == Shape::Quantity) {
    if (ref.wrap == Wrap::None) return canonicalize(value, QuantityStep::Nano);
    auto* amounts = value.if_object();  // a list of resources
    if (amounts == nullptr) return;
    for (auto& entry : *amounts) canonicalize(entry.value(), QuantityStep::Milli);
    return;
  }
  if (ref.shape != Shape::Struct) return;
  if (auto* object = value.if_object(); object != nullptr && ref.wrap == Wrap::None) {
    canonicalize_in(*ref.type, *object);
  }
  if (auto* list = value.if_array(); list != nullptr && ref.wrap == Wrap::List) {
    for (auto& item : *list) {
      if (auto* object = item.if_object()) canonicalize_in(*ref.type, *object);
    }
  }
}

void canonicalize_in(const SchemaType& type, json::object& object) {
  for (auto& entry : object) {
    if (const auto* field = type.find(key_of(entry))) canonicalize_below(field->ref, entry.value());
  }
}

bool is_source(std::string_view type_name, std::string_view name, std::initializer_list<std::string_view> others) {
  const auto* field = schema_type(type_name).find(name);
  if (field == nullptr || field->ref.wrap != Wrap::None ||
      std::find(others.begin(), others.end(), name) != others.end()) {
    return false;
  }
  return field->ref.shape == Shape::Struct || field->ref.shape == Shape::Any;
}

}  // namespace

Issues schema_errors(Kind kind, const json::object& raw) {
  Walk walk(/*errors=*/true);
  walk.object(schema_type(kind), raw, "");
  return walk.take();
}

Issues schema_warnings(Kind kind, const json::object& raw) {
  Walk walk(/*errors=*/false);
  walk.object(schema_type(kind), raw, "");
  return walk.take();
}

void remove_nulls(Kind kind, json::object& raw) { remove_nulls_in(schema_type(kind), raw); }

void canonical_quantities(Kind kind, json::object& raw) { canonicalize_in(schema_type(kind), raw); }

bool is_persistent_volume_source(std::string_view name) {
  return is_source("VolumeSpec", name, {"claimRef", "nodeAffinity"});
}

bool is_volume_source(std::string_view name) { return is_source("Volume", name, {}); }

}  // namespace berth::model
