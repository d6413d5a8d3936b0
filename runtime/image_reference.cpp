// runtime/image_reference.cpp - see image_reference.hpp.
#include "runtime/image_reference.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxTag = 128;

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9'); }

bool is_digest(std::string_view text) {
  constexpr std::string_view prefix = "sha256:";
  return text.size() == prefix.size() + 64 && text.substr(0, prefix.size()) == prefix &&
         std::all_of(text.begin() + prefix.size(), text.end(), is_hex);
}

/// alphanumerics, joined by ".", "_", "__" or dashes
bool is_path_component(std::string_view text) {
  if (text.empty() || !is_lower_alnum(text.front()) || !is_lower_alnum(text.back())) return false;
  std::size_t run = 0;
  char previous = 'a';
  for (const char c : text) {
    if (is_lower_alnum(c)) {
      run = 0;
    } else {
      ++run;
      const bool joins = c == '-' ? run == 1 || previous == '-'
                                  : (c == '_' ? run == 1 || (run == 2 && previous == '_') : c == '.' && run == 1);
      if (!joins) return false;
    }
    previous = c;
  }
  return true;
}

bool is_domain(std::string_view text) {
  const auto colon = text.rfind(':');
  auto host = text;
  const bool bracketed = !text.empty() && text.front() == '[';
  if (colon != std::string_view::npos && !(bracketed && text.back() == ']')) {
    const auto port = text.substr(colon + 1);
    host = text.substr(0, colon);
    if (port.empty() || port.size() > 5 ||
        !std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      return false;
    }
  }
  if (bracketed) {  // an IPv6 address
    return host.size() > 4 && host.back() == ']' &&
           std::all_of(host.begin() + 1, host.end() - 1, [](char c) { return is_alnum(c) || c == ':' || c == '.'; });
  }
  if (host.empty() || !is_alnum(host.front()) || !is_alnum(host.back())) return false;
  return std::all_of(host.begin(), host.end(), [](char c) { return is_alnum(c) || c == '-' || c == '.'; });
}

bool is_tag(std::string_view text) {
  if (text.empty() || text.size() > kMaxTag || text.front() == '.' || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

}  // namespace

std::string ImageReference::name() const {
  if (!digest.empty()) return fmt::format("{}/{}@{}", domain, repository, digest);
  return fmt::format("{}/{}:{}", domain, repository, tag);
}

bool is_image_id(std::string_view text) { return is_digest(text); }

Status check_image_name(const std::string& name) {
  if (is_image_id(name)) return Ok{};
  const auto parsed = parse_image_reference(name);
  return parsed ? Status(Ok{}) : Status(parsed.error());
}

Result<ImageReference> parse_image_reference(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error(ErrorCode::InvalidArgument, fmt::format("image \"{}\": {}", text.substr(0, 300), why));
  };
  if (text.empty()) return bad("must not be empty");
  ImageReference reference;
  auto rest = text;

  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    reference.digest = rest.substr(at + 1);
    if (!is_digest(reference.digest)) return bad("after @ must stand sha256: and 64 hexadecimal digits");
    rest = rest.substr(0, at);
  }
  const auto slash = rest.rfind('/');
  if (const auto colon = rest.rfind(':');
      colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    reference.tag = rest.substr(colon + 1);
    if (!is_tag(reference.tag)) return bad("the tag must be at most 128 letters, digits, '_', '.' and '-'");
    rest = rest.substr(0, colon);
  }
  if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";

  const auto first = rest.substr(0, rest.find('/'));
  const bool has_domain = rest.find('/') != std::string_view::npos &&
                          (first.find_first_of(".:") != std::string_view::npos || first == "localhost" ||
                           std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
  reference.domain = has_domain ? first : "docker.io";
  reference.repository = has_domain ? rest.substr(first.size() + 1) : rest;
  if (reference.domain == "index.docker.io") reference.domain = "docker.io";
  if (reference.domain == "docker.io" && reference.repository.find('/') == std::string::npos) {
    reference.repository.insert(0, "library/");
  }

  if (!is_domain(reference.domain)) return bad("the registry must be a host name with an optional port");
  if (reference.domain.size() + 1 + reference.repository.size() > kMaxName) {
    return bad("the name must not be longer than 255 characters");
  }
  std::string_view path = reference.repository;
  for (;;) {
    const auto end = path.find('/');
    if (!is_path_component(path.substr(0, end))) {
      return bad("the name must be lower case letters and digits, joined by '.', '_', '-' and '/'");
    }
    if (end == std::string_view::npos) return reference;
    path.remove_prefix(end + 1);
  }
}

}  // namespace berth::runtime
