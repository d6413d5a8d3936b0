// model/names.cpp - see names.hpp.
#include "model/names.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "model/model.hpp"

namespace berth::model {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_lower(c) || is_upper(c) || is_digit(c); }
bool is_lower_alnum(char c) { return is_lower(c) || is_digit(c); }

bool label_shape(std::string_view name) {
  const auto inner = [](char c) { return is_lower_alnum(c) || c == '-'; };
  return !name.empty() && is_lower_alnum(name.front()) && is_lower_alnum(name.back()) &&
         std::all_of(name.begin(), name.end(), inner);
}

/// Alphanumeric at both ends; '-', '_' and '.' inside.
bool name_part_shape(std::string_view name) {
  const auto inner = [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; };
  return !name.empty() && is_alnum(name.front()) && is_alnum(name.back()) &&
         std::all_of(name.begin(), name.end(), inner);
}

std::string too_long(std::size_t limit) { return fmt::format("must be no more than {} characters", limit); }

}  // namespace

std::string dns_label_error(std::string_view name) {
  if (name.size() > 63) return too_long(63);
  if (label_shape(name)) return {};
  return "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
         "end with an alphanumeric character (e.g. 'my-name', or '123-abc')";
}

std::string dns_subdomain_error(std::string_view name) {
  if (name.size() > 253) return too_long(253);
  bool good = true;
  for (std::size_t from = 0; good && from <= name.size();) {
    const auto dot = std::min(name.find('.', from), name.size());
    good = label_shape(name.substr(from, dot - from));
    from = dot + 1;
  }
  if (good) return {};
  return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
         "start and end with an alphanumeric character (e.g. 'example.com')";
}

std::string path_segment_error(std::string_view name) {
  if (name == ".") return "may not be '.'";
  if (name == "..") return "may not be '..'";
  for (const char c : {'/', '%'}) {
    if (name.find(c) != std::string_view::npos) return fmt::format("may not contain '{}'", c);
  }
  return {};
}

std::string wildcard_dns_error(std::string_view name) {
  if (name.find('*') == std::string_view::npos) return dns_subdomain_error(name);
  constexpr std::string_view kStar = "*.";
  if (name.starts_with(kStar) && name.size() <= 253 && dns_subdomain_error(name.substr(kStar.size())).empty())
    return {};
  return "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
         "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com')";
}

std::string domain_path_error(std::string_view path) {
  const auto slash = path.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == path.size()) {
    return "must be a domain-prefixed path (such as \"acme.io/foo\")";
  }
  if (auto why = dns_subdomain_error(path.substr(0, slash)); !why.empty()) return why;
  // RFC 3986, 3.3: what a path may have as it is.
  constexpr std::string_view kOthers = "-._~!$&'()*+,;=:@/";
  const bool good = std::all_of(path.begin(), path.end(),
                                [&](char c) { return is_alnum(c) || kOthers.find(c) != std::string_view::npos; });
  return good ? std::string() : "invalid path: must be of letters, digits and -._~!$&'()*+,;=:@/";
}

std::string dns_1035_label_error(std::string_view name) {
  if (name.size() > 63) return too_long(63);
  if (label_shape(name) && is_lower(name.front())) return {};
  return "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
         "character, and end with an alphanumeric character (e.g. 'my-name', or 'abc-123')";
}

std::string qualified_name_error(std::string_view name) {
  const auto slash = name.find('/');
  if (slash != std::string_view::npos) {
    if (name.find('/', slash + 1) != std::string_view::npos) return "a qualified name has at most one '/'";
    if (slash == 0) return "prefix part must be non-empty";
    if (auto why = dns_subdomain_error(name.substr(0, slash)); !why.empty()) return "prefix part: " + why;
    name.remove_prefix(slash + 1);
  }
  if (name.empty()) return "name part must be non-empty";
  if (name.size() > 63) return "name part " + too_long(63);
  if (name_part_shape(name)) return {};
  return "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
         "alphanumeric character (e.g. 'MyName', or 'my.name')";
}

std::string label_value_error(std::string_view value) {
  if (value.size() > 63) return too_long(63);
  if (value.empty() || name_part_shape(value)) return {};
  return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
         "start and end with an alphanumeric character (e.g. 'MyValue', or '12345')";
}

std::string env_var_name_error(std::string_view name) {
  const auto good = [](char c) { return c >= ' ' && c <= '~' && c != '='; };
  if (!name.empty() && std::all_of(name.begin(), name.end(), good)) return {};
  return "a valid environment variable name must consist only of printable ASCII characters other than '='";
}

std::string config_key_error(std::string_view key) {
  if (key.size() > 253) return too_long(253);
  if (key.empty()) return "must not be empty";
  if (key == "." || key == "..") return fmt::format("must not be '{}'", key);
  if (key.starts_with("..")) return "must not start with '..'";
  const auto good = [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; };
  if (std::all_of(key.begin(), key.end(), good)) return {};
  return "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name')";
}

std::string http_header_error(std::string_view name) {
  const auto good = [](char c) { return is_alnum(c) || c == '-'; };
  if (!name.empty() && std::all_of(name.begin(), name.end(), good)) return {};
  return "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name')";
}

std::string sysctl_name_error(std::string_view name) {
  constexpr std::string_view kWhy =
      "a sysctl name is made of parts of lower case alphanumeric characters, '-' or '_', which start and end with an "
      "alphanumeric character, and has '.' or '/' between them (e.g. 'net.core.somaxconn')";
  if (name.size() > 253) return too_long(253);
  const auto edge = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  for (std::size_t from = 0; from <= name.size();) {
    const auto end = std::min(name.find_first_of("./", from), name.size());
    const auto part = name.substr(from, end - from);
    const auto good = [&](char c) { return edge(c) || c == '-' || c == '_'; };
    if (part.empty() || !edge(part.front()) || !edge(part.back()) || !std::all_of(part.begin(), part.end(), good)) {
      return std::string(kWhy);
    }
    from = end + 1;
  }
  return {};
}

std::string port_name_error(std::string_view name) {
  if (name.size() > 15) return too_long(15);
  if (!label_shape(name)) return "must contain only lower case alphanumeric characters and '-', not at either end";
  if (std::none_of(name.begin(), name.end(), is_lower)) return "must contain at least one letter (a-z)";
  if (name.find("--") != std::string_view::npos) return "must not contain consecutive hyphens";
  return {};
}

std::string absolute_path_error(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return "must not contain a NUL character";
  if (!path.starts_with('/')) return "must be an absolute path";
  return {};
}

std::string relative_path_error(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return "must not contain a NUL character";
  if (path.starts_with('/')) return "must be a relative path";
  for (std::size_t from = 0; from <= path.size();) {
    const auto slash = std::min(path.find('/', from), path.size());
    if (path.substr(from, slash - from) == "..") return "must not contain '..'";
    from = slash + 1;
  }
  return {};
}

bool is_ip_address(std::string_view text) {
  const std::string terminated(text);
  if (terminated.size() != text.size() || text.find('\0') != std::string_view::npos) return false;
  in6_addr buffer{};
  return ::inet_pton(AF_INET, terminated.c_str(), &buffer) == 1 ||
         ::inet_pton(AF_INET6, terminated.c_str(), &buffer) == 1;
}

bool is_dns_label(std::string_view name) { return dns_label_error(name).empty(); }
bool is_dns_subdomain(std::string_view name) { return dns_subdomain_error(name).empty(); }

}  // namespace berth::model
