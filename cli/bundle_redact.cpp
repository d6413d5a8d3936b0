// cli/bundle_redact.cpp - see bundle_redact.hpp.
#include "cli/bundle_redact.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <regex>

#include <fmt/format.h>

#include "model/base64.hpp"

namespace berth::cli {
namespace {

constexpr std::size_t kShortest = 4;
constexpr std::size_t kShortestLine = 8;
constexpr std::string_view kOut = "<left out>";

std::string replaced(std::string text, std::string_view what) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + kOut.size())) {
    text.replace(at, what.size(), kOut);
  }
  return text;
}

std::string left_out(std::string_view text) { return fmt::format("<left out: {} bytes>", text.size()); }

json::value left_out(const json::value& value) {
  if (value.is_string()) return json::value(left_out(view(value.get_string())));
  if (value.is_array()) return json::value(fmt::format("<left out: {} words>", value.get_array().size()));
  return json::value(kOut);
}

/// The members' names stay.
json::value values_left_out(const json::value& map) {
  if (!map.is_object()) return left_out(map);
  json::object out;
  for (const auto& [name, value] : map.get_object()) out[name] = left_out(value);
  return out;
}

/// [{name, value}]: `env`, `httpHeaders`.
json::value named_left_out(const json::value& list) {
  if (!list.is_array()) return left_out(list);
  json::array out;
  for (const auto& each : list.get_array()) {
    if (!each.is_object()) continue;
    auto entry = each.get_object();
    if (auto* value = entry.if_contains("value"); value != nullptr) *value = left_out(*value);
    out.emplace_back(std::move(entry));
  }
  return out;
}

/// Ours and Kubernetes' own words, but for what holds a whole object.
bool is_harmless_annotation(std::string_view name) {
  return name.find("berth.io/") != std::string_view::npos || name == "deprecated.daemonset.template.generation" ||
         name.starts_with("pv.kubernetes.io/") || name.starts_with("volume.kubernetes.io/");
}

json::value annotations_left_out(const json::value& map) {
  if (!map.is_object()) return left_out(map);
  json::object out;
  for (const auto& [name, value] : map.get_object()) {
    out[name] = is_harmless_annotation(name) ? value : left_out(value);
  }
  return out;
}

json::value clean(const json::value& value);

json::object clean(const json::object& object) {
  json::object out;
  for (const auto& [key, value] : object) {
    const std::string_view name = key;
    if (name == "managedFields") continue;
    if (name == "annotations") {
      out[key] = annotations_left_out(value);
    } else if (name == "env" || name == "httpHeaders") {
      out[key] = named_left_out(value);
    } else if (name == "command" || name == "args" || name == "stringData" || name == "binaryData") {
      out[key] = value.is_object() ? values_left_out(value) : left_out(value);
    } else if (name == "terminated" && value.is_object()) {
      auto state = value.get_object();
      if (auto* said = state.if_contains("message"); said != nullptr) *said = left_out(*said);
      out[key] = std::move(state);
    } else {
      out[key] = clean(value);
    }
  }
  return out;
}

json::value clean(const json::value& value) {
  if (value.is_object()) return clean(value.get_object());
  if (!value.is_array()) return value;
  json::array out;
  for (const auto& each : value.get_array()) out.push_back(clean(each));
  return out;
}

}  // namespace

void Redactor::add_secret(std::string_view value) {
  const auto add = [this](std::string text, std::size_t least) {
    if (text.size() >= least && std::find(secrets_.begin(), secrets_.end(), text) == secrets_.end()) {
      secrets_.push_back(std::move(text));
    }
  };
  add(std::string(value), kShortest);
  if (value.size() >= kShortest) {
    add(model::encode_base64(value), kShortest);
    const auto quoted = json::serialize(json::string(value));
    add(quoted.substr(1, quoted.size() - 2), kShortest);
  }
  if (value.find('\n') != std::string_view::npos) {
    for (std::size_t at = 0; at < value.size();) {
      const auto end = std::min(value.find('\n', at), value.size());
      add(std::string(value.substr(at, end - at)), kShortestLine);
      at = end + 1;
    }
  }
  std::stable_sort(secrets_.begin(), secrets_.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string Redactor::text(std::string text) const {
  for (const auto& secret : secrets_) text = replaced(std::move(text), secret);
  static const std::array<std::pair<std::regex, std::string>, 4> kForms{{
      {std::regex(R"((https?://[^\s"'?<>]{1,500}\?)[^\s"'<>]{1,2000})"), "$1<left out>"},
      {std::regex(R"(([A-Za-z][A-Za-z0-9+.-]{0,20}://)[^/@\s"'<]{1,500}@)"), "$1<left out>@"},
      {std::regex(R"(\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{4,2000})", std::regex::icase), "$1 <left out>"},
      {std::regex(R"((password|passwd|secret|token)=[^\s&,;"'<][^\s&,;"']{0,500})", std::regex::icase),
       "$1=<left out>"},
  }};
  // Line by line: the library's expressions recurse for each character that they repeat over.
  std::string out;
  bool in_key = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    at = end + 1;
    if (line.find("-----BEGIN") != std::string::npos && line.find("PRIVATE KEY") != std::string::npos) {
      // In one line, as JSON has it, or over many.
      in_key = line.find("-----END") == std::string::npos;
      out += fmt::format("{}{}\n", line.substr(0, line.find("-----BEGIN")), kOut);
      continue;
    }
    if (in_key) {
      in_key = line.find("-----END") == std::string::npos;
      continue;
    }
    for (const auto& [form, with] : kForms) {
      if (line.find(':') == std::string::npos && line.find(' ') == std::string::npos &&
          line.find('=') == std::string::npos) {
        break;
      }
      line = std::regex_replace(line, form, with);
    }
    out += line + '\n';
  }
  return out;
}

std::string Redactor::configuration(std::string text) const {
  static const std::regex kValue(
      R"(^(.*\b[A-Za-z_]*(password|passwd|passphrase|secret|token|apikey|credential)s?["']?\s*[:=]\s*)[^\s#].*$)",
      std::regex::icase);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    at = end + 1;
    out += (line.size() < 2000 ? std::regex_replace(line, kValue, "$1<left out>") : std::string(kOut)) + '\n';
  }
  return this->text(std::move(out));
}

json::object without_secrets(const json::object& object) {
  auto out = clean(object);
  const auto* kind = object.if_contains("kind");
  const bool holds_data = kind != nullptr && kind->is_string() &&
                          (view(kind->get_string()) == "Secret" || view(kind->get_string()) == "ConfigMap");
  if (const auto* data = object.if_contains("data"); holds_data && data != nullptr)
    out["data"] = values_left_out(*data);
  return out;
}

std::vector<std::string> secret_environment(const json::value& object) {
  static constexpr std::array<std::string_view, 6> kWords{"PASS", "SECRET", "TOKEN", "KEY", "CRED", "AUTH"};
  std::vector<std::string> out;
  if (object.is_array()) {
    for (const auto& each : object.get_array()) {
      for (auto& value : secret_environment(each)) out.push_back(std::move(value));
    }
  }
  if (!object.is_object()) return out;
  for (const auto& [key, value] : object.get_object()) {
    if (std::string_view(key) != "env" || !value.is_array()) {
      for (auto& found : secret_environment(value)) out.push_back(std::move(found));
      continue;
    }
    for (const auto& each : value.get_array()) {
      std::string name(find_string(each, {"name"}));
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
      const auto has = [&name](std::string_view word) { return name.find(word) != std::string::npos; };
      if (std::any_of(kWords.begin(), kWords.end(), has)) out.emplace_back(find_string(each, {"value"}));
    }
  }
  return out;
}

}  // namespace berth::cli
