// cli/columns.cpp - columns that a user asked for, and --sort-by.
#include "cli/columns.hpp"

#include <fmt/format.h>

#include "model/quantity.hpp"

namespace berth::cli {

namespace {

/// Go prints what is no text in a column as fmt's %v does: lists and maps without JSON's quotes.
std::string cell(const json::value& value) {
  if (value.is_null()) return "<nil>";
  if (value.is_array()) {
    std::string out;
    for (const auto& item : value.get_array()) out += fmt::format("{}{}", out.empty() ? "" : " ", cell(item));
    return fmt::format("[{}]", out);
  }
  if (value.is_object()) {
    std::vector<std::string> terms;
    for (const auto& [key, item] : value.get_object()) {
      terms.push_back(fmt::format("{}:{}", std::string_view(key.data(), key.size()), cell(item)));
    }
    std::sort(terms.begin(), terms.end());
    return fmt::format("map[{}]", fmt::join(terms, " "));
  }
  auto out = plain_text(value);
  for (auto& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

}  // namespace

Result<CustomColumns> CustomColumns::parse(std::string_view spec) {
  CustomColumns out;
  if (spec.empty()) {
    return Error(ErrorCode::InvalidArgument, "custom-columns format specified but no custom columns given");
  }
  while (!spec.empty()) {
    // A comma inside brackets belongs to the path.
    std::size_t end = 0;
    for (int depth = 0; end < spec.size() && (spec[end] != ',' || depth > 0); ++end) {
      if (spec[end] == '[' || spec[end] == '(') ++depth;
      if (spec[end] == ']' || spec[end] == ')') --depth;
    }
    const auto part = spec.substr(0, end);
    spec.remove_prefix(std::min(end + 1, spec.size()));
    const auto colon = part.find(':');
    if (colon == std::string_view::npos) {
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("unexpected custom-columns spec: {}, expected <header>:<json-path-expr>", part));
    }
    auto path = JsonPath::parse_relaxed(part.substr(colon + 1));
    if (!path) return path.error();
    out.titles_.emplace_back(part.substr(0, colon));
    out.paths_.push_back(*std::move(path));
  }
  return out;
}

std::string CustomColumns::header() const { return fmt::format("{}\n", fmt::join(titles_, "\t")); }

std::string CustomColumns::row(const json::value& object) const {
  std::string out;
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    std::string text;
    for (const auto* value : paths_[i].find(object)) text += fmt::format("{}{}", text.empty() ? "" : ",", cell(*value));
    out += fmt::format("{}{}", i == 0 ? "" : "\t", text.empty() ? "<none>" : text);
  }
  return out + "\n";
}

bool sorts_before(const json::value* a, const json::value* b) {
  if (a == nullptr || b == nullptr) return a == nullptr && b != nullptr;
  if (a->is_number() && b->is_number()) return a->to_number<double>() < b->to_number<double>();
  const auto x = plain_text(*a);
  const auto y = plain_text(*b);
  if (a->is_string() && b->is_string()) {
    const auto p = model::Quantity::parse(x);
    const auto q = model::Quantity::parse(y);
    if (p && q) return *p < *q;
  }
  return x < y;
}

}  // namespace berth::cli
