// api/reads/selection.cpp - labelSelector and fieldSelector.
#include "api/reads/selection.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace berth::api {

namespace {

/// Splits "a.b.c"; every field we can select by is at most two deep.
std::string field_value(const model::Object& object, std::string_view field) {
  if (field == "metadata.name") return object.meta.name;
  if (field == "metadata.namespace") return object.meta.ns;
  // What it is called in events.k8s.io.
  if (field == "reportingController") return field_value(object, "reportingComponent");
  if (constexpr std::string_view kRegarding = "regarding."; field.starts_with(kRegarding)) {
    return field_value(object, fmt::format("involvedObject.{}", field.substr(kRegarding.size())));
  }
  if (field == "source") {  // an Event's, in its older or its newer form
    auto source = field_value(object, "source.component");
    return source.empty() ? field_value(object, "reportingComponent") : source;
  }
  const json::value* value = nullptr;
  const auto dot = field.find('.');
  if (dot == std::string_view::npos) {
    value = object.raw.if_contains(field);
  } else if (const auto* parent = object.raw.if_contains(field.substr(0, dot));
             parent != nullptr && parent->is_object()) {
    value = parent->get_object().if_contains(field.substr(dot + 1));
  }
  if (value == nullptr || value->is_null()) {
    return field == "spec.unschedulable" || field == "spec.hostNetwork" ? "false" : "";
  }
  if (value->is_string()) return std::string(view(value->get_string()));
  return json::serialize(*value);
}

bool selectable(model::Kind kind, std::string_view field) {
  const auto in = [&](auto... names) { return ((field == names) || ...); };
  if (in("metadata.name", "metadata.namespace")) return true;
  if (kind == model::Kind::Pod) {
    return in("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
              "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName");
  }
  if (kind == model::Kind::Event) {
    return in("involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
              "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
              "reportingComponent", "source", "type", "reportingController", "regarding.kind", "regarding.namespace",
              "regarding.name", "regarding.uid", "regarding.apiVersion", "regarding.resourceVersion",
              "regarding.fieldPath");
  }
  if (kind == model::Kind::Node) return in("spec.unschedulable");
  if (kind == model::Kind::Namespace) return in("status.phase");
  if (kind == model::Kind::Service) return in("spec.clusterIP", "spec.type");
  if (kind == model::Kind::Secret) return in("type");
  if (kind == model::Kind::CertificateSigningRequest) return in("spec.signerName");
  return false;
}

}  // namespace

Result<std::vector<FieldRequirement>> parse_field_selector(std::string_view text) {
  std::vector<FieldRequirement> out;
  const auto wrong = [&](std::string_view term) {
    return Error(ErrorCode::InvalidArgument, fmt::format("invalid selector: '{}'; can't understand '{}'", text, term));
  };
  std::string field;
  std::string value;
  std::string term;
  bool in_value = false;
  bool equal = true;
  const auto finish = [&]() {
    const bool good = in_value && !field.empty();
    if (good) out.push_back({field, value, equal});
    const bool empty = term.empty();
    field.clear();
    value.clear();
    term.clear();
    in_value = false;
    equal = true;
    return good || empty;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ',') {
      const auto seen = term;  // NOLINT(performance-unnecessary-copy-initialization): finish() clears the term
      if (!finish()) return wrong(seen);
      continue;
    }
    term += c;
    if (!in_value) {
      if (c == '!' && i + 1 < text.size() && text[i + 1] == '=') {
        equal = false;
        in_value = true;
        ++i;
      } else if (c == '=') {
        in_value = true;
        if (i + 1 < text.size() && text[i + 1] == '=') ++i;
      } else {
        field += c;
      }
    } else if (c == '\\') {
      if (i + 1 >= text.size()) return wrong(term);
      value += text[++i];
    } else if (c == '=') {
      return wrong(term);
    } else {
      value += c;
    }
  }
  const auto seen = term;
  if (!finish()) return wrong(seen);
  return out;
}

ApiResult<Selection> Selection::parse(const model::KindInfo& kind, std::string_view labels, std::string_view fields) {
  Selection selection;
  if (!labels.empty()) {
    auto parsed = model::parse_label_selector(labels);
    if (!parsed) return bad_request(fmt::format("unable to parse requirement: {}", parsed.error().message()));
    selection.labels_ = *std::move(parsed);
    selection.has_labels_ = true;
  }
  if (!fields.empty()) {
    auto parsed = parse_field_selector(fields);
    if (!parsed) return bad_request(parsed.error().message());
    for (const auto& requirement : *parsed) {
      if (!selectable(kind.kind, requirement.field)) {
        return bad_request(fmt::format(
            "Unable to find \"{}, Resource={}\" that match label selector \"{}\", field selector \"{}\": field label "
            "not "
            "supported: {}",
            kind.group.empty() ? "/v1" : kind.api_version(), kind.plural, labels, fields, requirement.field));
      }
    }
    selection.fields_ = *std::move(parsed);
  }
  return selection;
}

bool Selection::matches(const model::Object& object) const {
  if (has_labels_ && !model::matches(labels_, object.meta.labels)) return false;
  return std::all_of(fields_.begin(), fields_.end(), [&](const FieldRequirement& requirement) {
    return (field_value(object, requirement.field) == requirement.value) == requirement.equal;
  });
}

}  // namespace berth::api
