// agent/pods/registry_keys.cpp - see registry_keys.hpp.
#include "agent/pods/registry_keys.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "model/base64.hpp"

namespace berth::agent {
namespace {

constexpr std::string_view kHub = "docker.io";
constexpr std::string_view kHubKey = "index.docker.io";

/// By key, last first; of one key as the secrets say it.
using Keys = std::map<std::string, std::vector<runtime::RegistryAuth>, std::greater<>>;

/// "registry.example:5000/team" of "https://registry.example:5000/v2/team".
std::string without_scheme(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  }
  const auto slash = std::min(key.find('/'), key.size());
  const auto host = key.substr(0, slash);
  auto path = key.substr(slash);
  constexpr std::size_t kVersion = 3;
  if (path.starts_with("/v1/") || path.starts_with("/v2/")) path.remove_prefix(kVersion);
  return std::string(host) + std::string(path == "/" ? std::string_view() : path);
}

struct Place {
  std::string_view host;
  std::string_view port;
  std::string_view path;
};

Place place_of(std::string_view text) {
  const auto slash = std::min(text.find('/'), text.size());
  const auto host = text.substr(0, slash);
  const auto colon = std::min(host.rfind(':'), host.size());
  return {host.substr(0, colon), host.substr(std::min(colon + 1, host.size())), text.substr(slash)};
}

/// The first label, which goes.
std::string take_label(std::string_view& host) {
  const auto dot = std::min(host.find('.'), host.size());
  std::string label(host.substr(0, dot));
  host.remove_prefix(std::min(dot + 1, host.size()));
  return label;
}

bool same_host(std::string_view pattern, std::string_view host) {
  if (std::count(pattern.begin(), pattern.end(), '.') != std::count(host.begin(), host.end(), '.')) return false;
  while (!pattern.empty() || !host.empty()) {
    if (::fnmatch(take_label(pattern).c_str(), take_label(host).c_str(), 0) != 0) return false;
  }
  return true;
}

runtime::RegistryAuth auth_of(const json::value& entry) {
  runtime::RegistryAuth auth;
  auth.username = find_string(entry, {"username"});
  auth.password = find_string(entry, {"password"});
  auth.identity_token = find_string(entry, {"identitytoken"});
  if (const auto pair = model::decode_base64(find_string(entry, {"auth"}))) {
    const auto colon = pair->find(':');
    if (colon != std::string::npos) {
      auth.username = pair->substr(0, colon);
      auth.password = pair->substr(colon + 1);
    }
  }
  return auth;
}

void add(Keys& keys, const json::value* entries) {
  if (entries == nullptr || !entries->is_object()) return;
  for (const auto& entry : entries->get_object()) {
    keys[without_scheme({entry.key().data(), entry.key().size()})].push_back(auth_of(entry.value()));
  }
}

Keys keys_in(const std::vector<std::shared_ptr<const model::Secret>>& secrets) {
  Keys keys;
  const auto document = [](const model::Secret& secret, const char* name) {
    const auto text = secret.data.find(name);
    return text == secret.data.end() ? Result<json::value>(json::value()) : parse_json(text->second);
  };
  for (const auto& secret : secrets) {
    if (const auto config = document(*secret, ".dockerconfigjson")) add(keys, find(*config, {"auths"}));
    if (const auto config = document(*secret, ".dockercfg")) add(keys, &*config);
  }
  return keys;
}

}  // namespace

std::string repository_of(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const auto last = image.rfind('/');
  const auto colon = image.find(':', last == std::string_view::npos ? 0 : last);
  const auto first = image.substr(0, std::min(image.find('/'), image.size()));
  const auto has_host =
      last != std::string_view::npos && (first.find_first_of(".:") != std::string_view::npos || first == "localhost");
  image = image.substr(0, colon);
  if (!has_host) {
    return std::string(kHub) + (last == std::string_view::npos ? "/library/" : "/") + std::string(image);
  }
  if (first != kHubKey) return std::string(image);
  return std::string(kHub) + std::string(image.substr(first.size()));
}

bool is_key_for(std::string_view key, std::string_view repository) {
  const auto bare = without_scheme(key);
  const auto wanted = place_of(bare);
  const auto there = place_of(repository);
  return wanted.port == there.port && there.path.starts_with(wanted.path) && same_host(wanted.host, there.host);
}

std::vector<runtime::RegistryAuth> registry_keys(const std::vector<std::shared_ptr<const model::Secret>>& secrets,
                                                 std::string_view image) {
  const auto keys = keys_in(secrets);
  const auto repository = repository_of(image);
  std::vector<runtime::RegistryAuth> auths;
  for (const auto& [key, found] : keys) {
    if (is_key_for(key, repository)) auths.insert(auths.end(), found.begin(), found.end());
  }
  if (!auths.empty() || place_of(repository).host != kHub) return auths;
  const auto hub = keys.find(std::string(kHubKey));
  return hub == keys.end() ? auths : hub->second;
}

}  // namespace berth::agent
