// cli/json_path.cpp - kubectl's JSONPath templates.
#include "cli/json_path.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace berth::cli {

namespace {

constexpr int kMostNesting = 32;

/// One step from values to values.
struct Step {
  enum class Type { Field, Fields, Slice, Wildcard, Descend, Filter };
  Type type = Type::Field;
  std::vector<std::string> names;          // Field, Fields
  std::optional<std::int64_t> begin, end;  // Slice
  std::int64_t stride = 1;                 // Slice
  std::vector<Step> left, right;           // Filter: paths below @ (or literals)
  std::optional<json::value> literal_left, literal_right;
  std::string comparison;  // Filter: "" is "exists"
};

using Steps = std::vector<Step>;
using Found = std::vector<const json::value*>;

Error wrong(std::string_view why, std::string_view text) {
  return {ErrorCode::InvalidArgument, fmt::format("error parsing jsonpath {}, {}", text, why)};
}

Found walk(const Steps& steps, const json::value& root);

int order(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) {
    const auto x = a.to_number<double>();
    const auto y = b.to_number<double>();
    return x < y ? -1 : x > y ? 1 : 0;
  }
  const auto x = plain_text(a);
  const auto y = plain_text(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

bool passes(const Step& filter, const json::value& item) {
  const auto side = [&](const std::optional<json::value>& literal, const Steps& path) -> const json::value* {
    if (literal) return &*literal;
    const auto found = walk(path, item);
    return found.empty() ? nullptr : found.front();
  };
  const auto* left = side(filter.literal_left, filter.left);
  if (filter.comparison.empty()) return left != nullptr;
  const auto* right = side(filter.literal_right, filter.right);
  if (left == nullptr || right == nullptr) return false;
  const auto sign = order(*left, *right);
  if (filter.comparison == "==") return sign == 0;
  if (filter.comparison == "!=") return sign != 0;
  if (filter.comparison == "<") return sign < 0;
  if (filter.comparison == "<=") return sign <= 0;
  if (filter.comparison == ">") return sign > 0;
  return sign >= 0;
}

void children(const json::value& from, Found& out) {
  if (from.is_array()) {
    for (const auto& item : from.get_array()) out.push_back(&item);
  } else if (from.is_object()) {
    for (const auto& entry : from.get_object()) out.push_back(&entry.value());
  }
}

void descend(const json::value& from, Found& out) {
  out.push_back(&from);
  Found below;
  children(from, below);
  for (const auto* child : below) descend(*child, out);
}

void slice(const Step& step, const json::array& from, Found& out) {
  const auto size = static_cast<std::int64_t>(from.size());
  const auto place = [&](std::int64_t index) { return index < 0 ? index + size : index; };
  if (step.begin && !step.end && step.stride == 0) {  // one index
    const auto at = place(*step.begin);
    if (at >= 0 && at < size) out.push_back(&from[static_cast<std::size_t>(at)]);
    return;
  }
  const auto begin = std::max<std::int64_t>(0, place(step.begin.value_or(0)));
  const auto end = std::min(size, place(step.end.value_or(size)));
  for (auto at = begin; at < end; at += std::max<std::int64_t>(1, step.stride)) {
    out.push_back(&from[static_cast<std::size_t>(at)]);
  }
}

void apply(const Step& step, const json::value& from, Found& out) {
  switch (step.type) {
    case Step::Type::Field:
    case Step::Type::Fields:
      if (!from.is_object()) return;
      for (const auto& name : step.names) {
        if (const auto* value = from.get_object().if_contains(name)) out.push_back(value);
      }
      return;
    case Step::Type::Slice:
      if (from.is_array()) slice(step, from.get_array(), out);
      return;
    case Step::Type::Wildcard: return children(from, out);
    case Step::Type::Descend: return descend(from, out);
    case Step::Type::Filter: {
      Found all;
      children(from, all);
      for (const auto* item : all) {
        if (passes(step, *item)) out.push_back(item);
      }
      return;
    }
  }
}

Found walk(const Steps& steps, const json::value& root) {
  Found now{&root};
  for (const auto& step : steps) {
    Found next;
    for (const auto* value : now) apply(step, *value, next);
    now = std::move(next);
  }
  return now;
}

/// Reads one expression, the text between braces.
class PathReader {
 public:
  explicit PathReader(std::string_view text) : all_(text), rest_(text) {}

  Result<Steps> path(int depth) {
    Steps out;
    if (depth > kMostNesting) return wrong("nested too deep", all_);
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (rest_.starts_with("..")) {
        rest_.remove_prefix(1);
        out.emplace_back().type = Step::Type::Descend;
        if (rest_.size() > 1 && rest_[1] == '[') rest_.remove_prefix(1);
      } else if (c == '.') {
        rest_.remove_prefix(1);
        if (rest_.empty() || is_stop(rest_.front())) continue;  // "{.}" is the object itself
        if (rest_.front() == '[') continue;
        auto step = name();
        if (!step.names[0].empty()) out.push_back(std::move(step));
      } else if (c == '[') {
        auto step = bracket(depth);
        if (!step) return step.error();
        out.push_back(*std::move(step));
      } else if (c == '@' || c == '$') {
        rest_.remove_prefix(1);
      } else if (is_stop(c)) {
        break;
      } else {
        out.push_back(name());
      }
    }
    return out;
  }

  std::string_view rest() const { return rest_; }

 private:
  static bool is_stop(char c) {
    return c == ' ' || c == ')' || c == '=' || c == '!' || c == '<' || c == '>' || c == ',';
  }

  Step name() {
    Step step;
    std::string word;
    while (!rest_.empty() && rest_.front() != '.' && rest_.front() != '[' && !is_stop(rest_.front())) {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      word += rest_.front();
      rest_.remove_prefix(1);
    }
    step.type = word == "*" ? Step::Type::Wildcard : Step::Type::Field;
    step.names.push_back(std::move(word));
    return step;
  }

  void blanks() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
  }

  Result<std::string> quoted() {
    const char quote = rest_.front();
    std::string out;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '\\' && i + 1 < rest_.size()) {
        out += rest_[++i];
      } else if (rest_[i] == quote) {
        rest_.remove_prefix(i + 1);
        return out;
      } else {
        out += rest_[i];
      }
    }
    return wrong("unterminated quoted string", all_);
  }

  Result<Step> bracket(int depth) {
    rest_.remove_prefix(1);
    blanks();
    Step step;
    if (rest_.starts_with("?(")) {
      rest_.remove_prefix(2);
      if (auto done = filter(step, depth); !done) return done.error();
    } else if (rest_.starts_with('*')) {
      rest_.remove_prefix(1);
      step.type = Step::Type::Wildcard;
    } else if (rest_.starts_with('\'') || rest_.starts_with('"')) {
      step.type = Step::Type::Fields;
      while (true) {
        if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return wrong("unterminated array", all_);
        auto word = quoted();
        if (!word) return word.error();
        step.names.push_back(*std::move(word));
        blanks();
        if (!rest_.starts_with(',')) break;
        rest_.remove_prefix(1);
        blanks();
      }
    } else if (auto done = numbers(step); !done) {
      return done.error();
    }
    blanks();
    if (!rest_.starts_with(']')) return wrong("unterminated array", all_);
    rest_.remove_prefix(1);
    return step;
  }

  /// "0", "-1", "1:3", ":2", "::2"
  Status numbers(Step& step) {
    step.type = Step::Type::Slice;
    const auto close = rest_.find(']');
    if (close == std::string_view::npos) return wrong("unterminated array", all_);
    auto inside = rest_.substr(0, close);
    rest_.remove_prefix(close);
    int part = 0;
    for (bool more = true; more; ++part) {
      const auto colon = std::min(inside.find(':'), inside.size());
      const auto digits = inside.substr(0, colon);
      std::int64_t value = 0;
      if (!digits.empty()) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc() || end != digits.data() + digits.size() || part > 2) {
          return wrong(fmt::format("invalid array index {}", digits), all_);
        }
        if (part == 0) step.begin = value;
        if (part == 1) step.end = value;
        if (part == 2) step.stride = value;
      }
      more = colon < inside.size();
      inside.remove_prefix(more ? colon + 1 : colon);
    }
    if (part == 1) {
      if (!step.begin) return wrong("invalid array index", all_);
      step.stride = 0;
    }
    return Ok{};
  }

  Status operand(Steps& path_out, std::optional<json::value>& literal, int depth) {
    blanks();
    if (rest_.empty()) return wrong("unterminated filter", all_);
    if (rest_.front() == '"' || rest_.front() == '\'') {
      auto word = quoted();
      if (!word) return word.error();
      literal = json::value(json::string(*word));
    } else if (rest_.front() == '@' || rest_.front() == '$' || rest_.front() == '.') {
      auto steps = path(depth + 1);
      if (!steps) return steps.error();
      path_out = *std::move(steps);
    } else {
      const auto end = std::min(rest_.find_first_of(" )=!<>"), rest_.size());
      const auto word = rest_.substr(0, end);
      const auto value = parse_json(word);
      literal = value ? *value : json::value(json::string(word));
      rest_.remove_prefix(end);
    }
    blanks();
    return Ok{};
  }

  Status filter(Step& step, int depth) {
    step.type = Step::Type::Filter;
    if (auto done = operand(step.left, step.literal_left, depth); !done) return done;
    for (const std::string_view sign : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (!rest_.starts_with(sign)) continue;
      step.comparison = sign;
      rest_.remove_prefix(sign.size());
      if (auto done = operand(step.right, step.literal_right, depth); !done) return done;
      break;
    }
    if (!rest_.starts_with(')')) return wrong("unterminated filter", all_);
    rest_.remove_prefix(1);
    return Ok{};
  }

  std::string_view all_;
  std::string_view rest_;
};

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
  }
  return out;
}

/// Where the expression that begins at `text` ends: the brace that closes it, outside quotes.
std::size_t closing_brace(std::string_view text) {
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quote != 0) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == quote)
        quote = 0;
    } else if (text[i] == '"' || text[i] == '\'') {
      quote = text[i];
    } else if (text[i] == '}') {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

struct JsonPath::Part {
  enum class Type { Text, Values, Range };
  Type type = Type::Text;
  std::string text;
  Steps steps;
  std::vector<Part> body;  // Range
};

namespace {

using Part = JsonPath::Part;

class TemplateReader {
 public:
  explicit TemplateReader(std::string_view text) : all_(text), rest_(text) {}

  /// Up to the end, or to `{end}` inside a range.
  Result<std::vector<Part>> parts(int depth) {
    std::vector<Part> out;
    if (depth > kMostNesting) return wrong("nested too deep", all_);
    while (!rest_.empty()) {
      const auto open = std::min(rest_.find('{'), rest_.size());
      if (open > 0) out.emplace_back().text = unescaped(rest_.substr(0, open));
      rest_.remove_prefix(open);
      if (rest_.empty()) break;
      rest_.remove_prefix(1);
      const auto close = closing_brace(rest_);
      if (close == std::string_view::npos) return wrong("unclosed action", all_);
      auto inside = rest_.substr(0, close);
      rest_.remove_prefix(close + 1);
      while (inside.starts_with(' ')) inside.remove_prefix(1);
      while (inside.ends_with(' ')) inside.remove_suffix(1);
      if (inside == "end") {
        if (depth == 0) return wrong("not in range, nothing to end", all_);
        return out;
      }
      if (auto done = action(out, inside, depth); !done) return done.error();
    }
    if (depth > 0) return wrong("unterminated range", all_);
    return out;
  }

 private:
  Status action(std::vector<Part>& out, std::string_view inside, int depth) {
    if (inside.size() >= 2 && (inside.front() == '"' || inside.front() == '\'') && inside.back() == inside.front()) {
      out.emplace_back().text = unescaped(inside.substr(1, inside.size() - 2));
      return Ok{};
    }
    Part part;
    const bool range = inside.starts_with("range ");
    if (range) inside.remove_prefix(6);
    while (inside.starts_with(' ')) inside.remove_prefix(1);
    auto steps = PathReader(inside).path(0);
    if (!steps) return steps.error();
    part.steps = *std::move(steps);
    part.type = range ? Part::Type::Range : Part::Type::Values;
    if (range) {
      auto body = parts(depth + 1);
      if (!body) return body.error();
      part.body = *std::move(body);
    }
    out.push_back(std::move(part));
    return Ok{};
  }

  std::string_view all_;
  std::string_view rest_;
};

void print_parts(const std::vector<Part>& parts, const json::value& root, std::string& out) {
  for (const auto& part : parts) {
    switch (part.type) {
      case Part::Type::Text: out += part.text; break;
      case Part::Type::Values: {
        bool first = true;
        for (const auto* value : walk(part.steps, root)) {
          if (!first) out += ' ';
          first = false;
          out += plain_text(*value);
        }
        break;
      }
      case Part::Type::Range:
        for (const auto* value : walk(part.steps, root)) print_parts(part.body, *value, out);
        break;
    }
  }
}

}  // namespace

JsonPath::JsonPath() = default;
JsonPath::JsonPath(JsonPath&&) noexcept = default;
JsonPath& JsonPath::operator=(JsonPath&&) noexcept = default;
JsonPath::~JsonPath() = default;

Result<JsonPath> JsonPath::parse(std::string_view text) {
  auto parts = TemplateReader(text).parts(0);
  if (!parts) return parts.error();
  JsonPath out;
  out.parts_ = *std::move(parts);
  return out;
}

Result<JsonPath> JsonPath::parse_relaxed(std::string_view text) {
  if (text.starts_with('{')) {
    if (!text.ends_with('}')) return wrong("unclosed action", text);
    return parse(text);
  }
  return parse(fmt::format("{{{}{}}}", text.starts_with('.') || text.starts_with('[') ? "" : ".", text));
}

std::string JsonPath::print(const json::value& root) const {
  std::string out;
  print_parts(parts_, root, out);
  return out;
}

std::vector<const json::value*> JsonPath::find(const json::value& root) const {
  for (const auto& part : parts_) {
    if (part.type == Part::Type::Values) return walk(part.steps, root);
  }
  return {};
}

namespace {

/// Compact JSON with sorted keys, as Go writes maps.
void serialize_sorted(const json::value& value, std::string& out) {
  if (value.is_array()) {
    out += '[';
    for (std::size_t i = 0; i < value.get_array().size(); ++i) {
      if (i > 0) out += ',';
      serialize_sorted(value.get_array()[i], out);
    }
    out += ']';
  } else if (value.is_object()) {
    std::vector<const json::key_value_pair*> entries;
    for (const auto& entry : value.get_object()) entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return a->key() < b->key(); });
    out += '{';
    for (std::size_t i = 0; i < entries.size(); ++i) {
      out += fmt::format("{}{}:", i > 0 ? "," : "", json::serialize(json::value(entries[i]->key())));
      serialize_sorted(entries[i]->value(), out);
    }
    out += '}';
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string plain_text(const json::value& value) {
  if (value.is_string()) return std::string(view(value.get_string()));
  std::string out;
  serialize_sorted(value, out);
  return out;
}

}  // namespace berth::cli
