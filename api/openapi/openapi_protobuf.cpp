// api/openapi/openapi_protobuf.cpp - see openapi_protobuf.hpp. Field numbers: gnostic's openapiv2/OpenAPIv2.proto.
#include "api/openapi/openapi_protobuf.hpp"

#include "api/encoding/protobuf_writer.hpp"

namespace berth::api {

namespace {

std::string_view text_of(const json::object& from, std::string_view name) {
  const auto* value = from.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

bool is_true(const json::object& from, std::string_view name) {
  const auto* value = from.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

const json::object* object_of(const json::object& from, std::string_view name) {
  const auto* value = from.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

const json::array* array_of(const json::object& from, std::string_view name) {
  const auto* value = from.if_contains(name);
  return value == nullptr ? nullptr : value->if_array();
}

std::string_view view_of(const json::string& text) { return {text.data(), text.size()}; }
std::string_view key_of(const json::key_value_pair& entry) { return {entry.key().data(), entry.key().size()}; }

/// Every "x-..." as NamedAny; the value is YAML, and JSON is YAML.
void write_extensions(ProtobufWriter& out, unsigned field, const json::object& from) {
  for (const auto& entry : from) {
    if (!key_of(entry).starts_with("x-")) continue;
    ProtobufWriter any;
    any.text(2, json::serialize(entry.value()));
    ProtobufWriter named;
    named.text(1, key_of(entry));
    named.message(2, any);
    out.message(field, named);
  }
}

ProtobufWriter schema_message(const json::object& schema);

ProtobufWriter named_schema_message(std::string_view name, const json::object& schema) {
  ProtobufWriter out;
  out.text(1, name);
  out.message(2, schema_message(schema));
  return out;
}

ProtobufWriter schema_message(const json::object& schema) {
  ProtobufWriter out;
  out.text(1, text_of(schema, "$ref"));
  out.text(2, text_of(schema, "format"));
  out.text(4, text_of(schema, "description"));
  if (const auto* required = array_of(schema, "required")) {
    for (const auto& name : *required) out.text(19, view_of(name.get_string()));
  }
  if (const auto* values = object_of(schema, "additionalProperties")) {
    ProtobufWriter item;
    item.message(1, schema_message(*values));
    out.message(21, item);
  }
  if (const auto type = text_of(schema, "type"); !type.empty()) {
    ProtobufWriter item;
    item.text(1, type);
    out.message(22, item);
  }
  if (const auto* items = object_of(schema, "items")) {
    ProtobufWriter item;
    item.message(1, schema_message(*items));
    out.message(23, item);
  }
  if (const auto* properties = object_of(schema, "properties")) {
    ProtobufWriter all;
    for (const auto& entry : *properties) {
      all.message(1, named_schema_message(key_of(entry), entry.value().get_object()));
    }
    out.message(25, all);
  }
  write_extensions(out, 31, schema);
  return out;
}

/// ParametersItem{1: Parameter{1: BodyParameter, 2: NonBodyParameter{3: query, 4: path}}}
ProtobufWriter parameter_message(const json::object& parameter) {
  const auto in = text_of(parameter, "in");
  ProtobufWriter any;
  if (in == "body") {
    ProtobufWriter body;
    body.text(2, text_of(parameter, "name"));
    body.text(3, in);
    body.flag(4, is_true(parameter, "required"));
    if (const auto* schema = object_of(parameter, "schema")) body.message(5, schema_message(*schema));
    any.message(1, body);
  } else {
    const bool query = in == "query";
    ProtobufWriter details;
    details.flag(1, is_true(parameter, "required"));
    details.text(2, in);
    details.text(3, text_of(parameter, "description"));
    details.text(4, text_of(parameter, "name"));
    details.text(query ? 6 : 5, text_of(parameter, "type"));
    ProtobufWriter choice;
    choice.message(query ? 3 : 4, details);
    any.message(2, choice);
  }
  ProtobufWriter out;
  out.message(1, any);
  return out;
}

ProtobufWriter responses_message(const json::object& responses) {
  ProtobufWriter out;
  for (const auto& entry : responses) {
    const auto& answer = entry.value().get_object();
    ProtobufWriter response;
    response.text(1, text_of(answer, "description"));
    if (const auto* schema = object_of(answer, "schema")) {
      ProtobufWriter item;
      item.message(1, schema_message(*schema));
      response.message(2, item);
    }
    ProtobufWriter value;
    value.message(1, response);
    ProtobufWriter named;
    named.text(1, key_of(entry));
    named.message(2, value);
    out.message(1, named);
  }
  return out;
}

ProtobufWriter operation_message(const json::object& operation) {
  ProtobufWriter out;
  if (const auto* parameters = array_of(operation, "parameters")) {
    for (const auto& parameter : *parameters) out.message(8, parameter_message(parameter.get_object()));
  }
  if (const auto* responses = object_of(operation, "responses")) out.message(9, responses_message(*responses));
  write_extensions(out, 13, operation);
  return out;
}

std::string entry(unsigned field, const ProtobufWriter& named) {
  ProtobufWriter out;
  out.message(field, named);
  return out.take();
}

}  // namespace

std::string named_schema(std::string_view name, const json::object& schema) {
  return entry(1, named_schema_message(name, schema));
}

std::string named_path(std::string_view path, const json::object& item) {
  ProtobufWriter message;
  constexpr std::pair<std::string_view, unsigned> kMethods[] = {
      {"get", 2}, {"put", 3}, {"post", 4}, {"delete", 5}, {"patch", 8}};
  for (const auto& [method, field] : kMethods) {
    if (const auto* operation = object_of(item, method)) message.message(field, operation_message(*operation));
  }
  if (const auto* parameters = array_of(item, "parameters")) {
    for (const auto& parameter : *parameters) message.message(9, parameter_message(parameter.get_object()));
  }
  ProtobufWriter named;
  named.text(1, path);
  named.message(2, message);
  return entry(2, named);
}

std::string openapi_document(std::string_view title, std::string_view version, std::string_view paths,
                             std::string_view definitions) {
  ProtobufWriter info;
  info.text(1, title);
  info.text(2, version);
  ProtobufWriter out;
  out.text(1, "2.0");
  out.message(2, info);
  out.bytes(8, paths);
  out.bytes(9, definitions);
  return out.take();
}

}  // namespace berth::api
