// cli/get_output.cpp - what -o says.
#include "cli/get_output.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "cli/resources.hpp"
#include "cli/tab_text.hpp"
#include "cli/yaml_text.hpp"
#include "model/meta.hpp"

namespace berth::cli {

namespace {

constexpr std::size_t kTableMinimum = 6;
constexpr std::size_t kTablePadding = 3;

std::string name_line(const json::value& object) {
  const auto* kind = model::find_kind(find_string(object, {"kind"}));
  return kind == nullptr ? "" : display_name(*kind, find_string(object, {"metadata", "name"})) + "\n";
}

}  // namespace

Result<Output> Output::parse(const std::string& format, bool no_headers, bool keep_managed_fields) {
  Output out;
  out.headers_ = !no_headers;
  out.keep_managed_ = keep_managed_fields;
  const auto equals = std::min(format.find('='), format.size());
  const auto word = std::string_view(format).substr(0, equals);
  const auto rest = format.substr(std::min(equals + 1, format.size()));
  const auto path = [&](std::string_view text) -> Status {
    auto parsed = JsonPath::parse(text);
    if (!parsed) return parsed.error();
    out.type_ = Type::Path;
    out.path_ = *std::move(parsed);
    return Ok{};
  };
  for (const auto& [name, type] :
       {std::pair("", Type::Table), std::pair("wide", Type::Wide), std::pair("yaml", Type::Yaml),
        std::pair("json", Type::Json), std::pair("name", Type::Name)}) {
    if (format != name) continue;
    out.type_ = type;
    return out;
  }
  if (word == "jsonpath" || word == "jsonpath-file") {
    if (rest.empty()) return Error(ErrorCode::InvalidArgument, "template format specified but no template given");
    const auto text = word == "jsonpath" ? Result<std::string>(rest) : read_file(rest);
    if (!text) return text.error();
    if (auto done = path(*text); !done) return done.error();
    return out;
  }
  if (word == "custom-columns" || word == "custom-columns-file") {
    auto columns = CustomColumns::parse(rest);
    if (!columns) return columns.error();
    out.type_ = Type::Columns;
    out.columns_ = *std::move(columns);
    return out;
  }
  return Error(ErrorCode::InvalidArgument,
               fmt::format("unable to match a printer suitable for the output format \"{}\", allowed formats are: "
                           "custom-columns,json,jsonpath,jsonpath-file,name,wide,yaml",
                           format));
}

json::value Output::without_managed_fields(json::value object) const {
  if (keep_managed_ || !object.is_object()) return object;
  auto* metadata = object.get_object().if_contains("metadata");
  if (metadata != nullptr && metadata->is_object()) metadata->get_object().erase("managedFields");
  return object;
}

std::string Output::print(json::array items, bool single) const {
  std::string out;
  if (type_ == Type::Name) {
    for (const auto& item : items) out += name_line(item);
    return out;
  }
  if (type_ == Type::Columns) {
    if (items.empty()) return out;
    if (headers_) out += columns_->header();
    for (const auto& item : items) out += columns_->row(item);
    return align_tabs(out, kTableMinimum, kTablePadding);
  }
  for (auto& item : items) item = without_managed_fields(std::move(item));
  const json::value root = single ? std::move(items[0])
                                  : json::object{{"apiVersion", "v1"},
                                                 {"kind", "List"},
                                                 {"metadata", json::object{{"resourceVersion", ""}}},
                                                 {"items", std::move(items)}};
  if (type_ == Type::Path) return path_->print(root);
  return type_ == Type::Yaml ? to_yaml(root) : to_pretty_json(root);
}

std::string Output::print_one(const json::value& object, std::string_view event) {
  if (event == "DELETED" && type_ == Type::Name) return name_line(object);
  std::string out;
  switch (type_) {
    case Type::Table:
    case Type::Wide: break;
    case Type::Yaml: return "---\n" + to_yaml(without_managed_fields(object));
    case Type::Json: return to_pretty_json(without_managed_fields(object));
    case Type::Name: return name_line(object);
    case Type::Path: return path_->print(object);
    case Type::Columns:
      if (headers_ && !header_done_) out += columns_->header();
      header_done_ = true;
      return align_tabs(out + columns_->row(object), kTableMinimum, kTablePadding);
  }
  return out;
}

Result<std::vector<const json::value*>> sorted_items(const json::array& items, std::string_view path) {
  const auto field = JsonPath::parse_relaxed(path);
  if (!field) return field.error();
  std::vector<std::pair<const json::value*, const json::value*>> keyed;
  for (const auto& item : items) {
    const auto found = field->find(item);
    keyed.emplace_back(found.empty() ? nullptr : found.front(), &item);
  }
  std::stable_sort(keyed.begin(), keyed.end(),
                   [](const auto& a, const auto& b) { return sorts_before(a.first, b.first); });
  std::vector<const json::value*> out;
  out.reserve(keyed.size());
  for (const auto& [key, item] : keyed) out.push_back(item);
  return out;
}

}  // namespace berth::cli
