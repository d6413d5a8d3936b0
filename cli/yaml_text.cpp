// cli/yaml_text.cpp - JSON as YAML and as indented JSON.
#include "cli/yaml_text.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace berth::cli {

namespace {

std::vector<std::string> sorted_keys(const json::object& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object) keys.emplace_back(key.data(), key.size());
  std::sort(keys.begin(), keys.end());
  return keys;
}

/// Words that YAML 1.1 reads as something other than a string.
bool is_reserved_word(std::string_view text) {
  std::string lower;
  for (const char c : text) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const auto word :
       {"true", "false", "yes", "no", "on", "off", "y", "n", "null", "~", ".nan", ".inf", "-.inf", "+.inf"}) {
    if (lower == word) return true;
  }
  return false;
}

/// Eight digits before the first dash: neither a number nor a date, and the most frequent text that looks like one.
bool is_uuid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (text.size() != kShape.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (kShape[i] == '-' ? c != '-' : !is_hex) return false;
  }
  return true;
}

/// Could it be a number, a date or a sexagesimal? Then it needs quotes to stay a string.
bool looks_numeric(std::string_view text) {
  if (text.empty() || is_uuid(text)) return false;
  const char first = text.front();
  const bool starts = (first >= '0' && first <= '9') || first == '+' || first == '-' || first == '.';
  return starts && text.find_first_not_of("0123456789+-.eExXabcdefABCDEFoO_:TZ ") == std::string_view::npos &&
         text.find_first_of("0123456789") != std::string_view::npos;
}

bool needs_quotes(std::string_view text) {
  if (text.empty() || is_reserved_word(text) || looks_numeric(text)) return true;
  if (text.front() == ' ' || text.back() == ' ' || text.back() == ':') return true;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`=<").find(text.front()) != std::string_view::npos) {
    // "-x", "?x" and ":x" are plain; the rest are indicators anywhere at the start.
    const bool plain =
        (text.front() == '-' || text.front() == '?' || text.front() == ':') && text.size() > 1 && text[1] != ' ';
    if (!plain) return true;
  }
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return true;
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string in_quotes(std::string_view text) {
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  const auto has = [&](char c) { return text.find(c) != std::string_view::npos; };
  if (printable && has('"') && !has('\'')) return fmt::format("'{}'", text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

/// Text of several lines as a block scalar; only when reading it back gives the same text.
bool is_block(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || text.front() == ' ' || text.front() == '\n') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t'; }) &&
         text.find(" \n") == std::string_view::npos;
}

class Writer {
 public:
  std::string out;

  /// After "key:" or "-": a scalar on the same line, anything else below.
  void value(const json::value& from, std::size_t indent, bool in_list) {
    if (from.is_object() && !from.get_object().empty()) {
      if (!in_list) out += '\n';
      object(from.get_object(), indent, in_list);
    } else if (from.is_array() && !from.get_array().empty()) {
      if (!in_list) out += '\n';
      array(from.get_array(), in_list ? indent : indent - 2, in_list);
    } else {
      if (!in_list) out += ' ';
      scalar(from, indent);
    }
  }

  void object(const json::object& from, std::size_t indent, bool first_inline) {
    for (const auto& key : sorted_keys(from)) {
      if (!first_inline) out.append(indent, ' ');
      first_inline = false;
      out += needs_quotes(key) ? in_quotes(key) : key;
      out += ':';
      value(from.at(key), indent + 2, /*in_list=*/false);
    }
  }

  void array(const json::array& from, std::size_t indent, bool first_inline) {
    for (const auto& element : from) {
      if (!first_inline) out.append(indent, ' ');
      first_inline = false;
      out += "- ";
      value(element, indent + 2, /*in_list=*/true);
    }
  }

  void scalar(const json::value& from, std::size_t indent) {
    if (!from.is_string()) {
      out += from.is_object() ? "{}" : from.is_array() ? "[]" : json::serialize(from);
      out += '\n';
      return;
    }
    const auto text = view(from.get_string());
    if (is_block(text)) return block(text, indent);
    out += needs_quotes(text) ? in_quotes(text) : std::string(text);
    out += '\n';
  }

  void block(std::string_view text, std::size_t indent) {
    const bool ends = text.back() == '\n';
    const bool keeps = ends && text.size() > 1 && text[text.size() - 2] == '\n';
    out += keeps ? "|+\n" : ends ? "|\n" : "|-\n";
    if (ends) text.remove_suffix(1);
    while (true) {
      const auto end = std::min(text.find('\n'), text.size());
      const auto line = text.substr(0, end);
      if (!line.empty()) out.append(indent, ' ');
      out += line;
      out += '\n';
      if (end == text.size()) return;
      text.remove_prefix(end + 1);
    }
  }
};

void pretty(std::string& out, const json::value& value, std::size_t indent) {
  constexpr std::size_t kStep = 4;
  const auto open = [&](std::size_t depth) {
    out += '\n';
    out.append(depth, ' ');
  };
  if (value.is_object() && !value.get_object().empty()) {
    out += '{';
    bool first = true;
    for (const auto& key : sorted_keys(value.get_object())) {
      if (!first) out += ',';
      first = false;
      open(indent + kStep);
      out += json::serialize(json::value(key)) + ": ";
      pretty(out, value.get_object().at(key), indent + kStep);
    }
    open(indent);
    out += '}';
  } else if (value.is_array() && !value.get_array().empty()) {
    out += '[';
    bool first = true;
    for (const auto& element : value.get_array()) {
      if (!first) out += ',';
      first = false;
      open(indent + kStep);
      pretty(out, element, indent + kStep);
    }
    open(indent);
    out += ']';
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string to_yaml(const json::value& value) {
  Writer writer;
  if (value.is_object() && !value.get_object().empty()) {
    writer.object(value.get_object(), 0, /*first_inline=*/false);
  } else if (value.is_array() && !value.get_array().empty()) {
    writer.array(value.get_array(), 0, /*first_inline=*/false);
  } else {
    writer.scalar(value, 2);
  }
  return std::move(writer.out);
}

std::string to_pretty_json(const json::value& value) {
  std::string out;
  pretty(out, value, 0);
  out += '\n';
  return out;
}

}  // namespace berth::cli
