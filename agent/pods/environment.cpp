// agent/pods/environment.cpp - see environment.hpp.
#include "agent/pods/environment.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace berth::agent {
namespace {

void set(Environment& env, const std::string& name, std::string value) {
  const auto found = std::find_if(env.begin(), env.end(), [&](const auto& entry) { return entry.first == name; });
  if (found != env.end()) {
    found->second = std::move(value);
  } else {
    env.emplace_back(name, std::move(value));
  }
}

/// Names that a process can have: what envFrom takes from a map's keys; others are skipped as the kubelet does.
bool is_env_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.'; });
}

/// One key of a config map or secret. Ok with nullopt: optional and missing.
template <typename Map>
Result<std::optional<std::string>> lookup(const Map& objects, std::string_view what, const model::KeySelector& ref) {
  const auto object = objects.find(ref.name);
  if (object == objects.end()) {
    if (ref.optional) return std::optional<std::string>();
    return Error(ErrorCode::NotFound, fmt::format("{} \"{}\" not found", what, ref.name));
  }
  const auto value = object->second->data.find(ref.key);
  if (value == object->second->data.end()) {
    if (ref.optional) return std::optional<std::string>();
    return Error(ErrorCode::NotFound, fmt::format("couldn't find key {} in {} {}", ref.key, what, ref.name));
  }
  return std::optional<std::string>(value->second);
}

template <typename Map>
Status add_all(Environment& env, const Map& objects, std::string_view what, const std::string& name,
               const model::EnvFrom& from) {
  const auto object = objects.find(name);
  if (object == objects.end()) {
    if (from.optional) return Ok{};
    return Error(ErrorCode::NotFound, fmt::format("{} \"{}\" not found", what, name));
  }
  for (const auto& [key, value] : object->second->data) {
    if (is_env_name(from.prefix + key)) set(env, from.prefix + key, value);
  }
  return Ok{};
}

Result<std::optional<std::string>> value_of(const model::EnvVar& var, const std::string& container,
                                            const volumes::PodVolumesSpec& facts, const Environment& env) {
  const auto wrap = [](Result<std::string> value) -> Result<std::optional<std::string>> {
    if (!value) return std::move(value).error();
    return std::optional<std::string>(*std::move(value));
  };
  if (var.field_ref) return wrap(volumes::downward_field(facts, var.field_ref->field_path));
  if (var.resource_field_ref) {
    return wrap(volumes::downward_resource(facts.pod.spec, *var.resource_field_ref, container));
  }
  if (var.config_map_key_ref) return lookup(facts.config_maps, "configmap", *var.config_map_key_ref);
  if (var.secret_key_ref) return lookup(facts.secrets, "secret", *var.secret_key_ref);
  return std::optional<std::string>(expand(var.value, env));
}

/// "my-db" is MY_DB.
std::string variable_name(std::string_view name) {
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return c == '-' || c == '.' ? '_' : static_cast<char>(std::toupper(c)); });
  return out;
}

}  // namespace

std::string expand(std::string_view text, const Environment& env) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    if (text[i + 1] == '$') {
      out += '$';
      ++i;
      continue;
    }
    const auto end = text[i + 1] == '(' ? text.find(')', i + 2) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += text[i];
      continue;
    }
    const auto name = text.substr(i + 2, end - i - 2);
    const auto found = std::find_if(env.begin(), env.end(), [&](const auto& entry) { return entry.first == name; });
    out += found == env.end() ? std::string(text.substr(i, end - i + 1)) : found->second;
    i = end;
  }
  return out;
}

Environment service_environment(const ServiceList& services) {
  Environment env;
  for (const auto& service : services) {
    if (!service->has_address() || service->ports.empty()) continue;
    const auto& address = service->cluster_ip;
    const auto name = variable_name(service->meta.name);
    env.emplace_back(name + "_SERVICE_HOST", address);
    env.emplace_back(name + "_SERVICE_PORT", std::to_string(service->ports.front().port));
    for (const auto& port : service->ports) {
      if (!port.name.empty()) {
        env.emplace_back(name + "_SERVICE_PORT_" + variable_name(port.name), std::to_string(port.port));
      }
    }
    for (const auto& port : service->ports) {
      auto protocol = port.protocol;
      std::transform(protocol.begin(), protocol.end(), protocol.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      const auto url = fmt::format("{}://{}:{}", protocol, address, port.port);
      if (&port == &service->ports.front()) env.emplace_back(name + "_PORT", url);
      const auto link = fmt::format("{}_PORT_{}_{}", name, port.port, port.protocol);
      env.emplace_back(link, url);
      env.emplace_back(link + "_PROTO", protocol);
      env.emplace_back(link + "_PORT", std::to_string(port.port));
      env.emplace_back(link + "_ADDR", address);
    }
  }
  return env;
}

Result<Environment> resolve_environment(const model::Container& container, const volumes::PodVolumesSpec& facts,
                                        const ServiceList& services) {
  auto env = service_environment(services);
  for (const auto& from : container.env_from) {
    auto added = from.config_map.empty() ? add_all(env, facts.secrets, "secret", from.secret, from)
                                         : add_all(env, facts.config_maps, "configmap", from.config_map, from);
    if (!added) return std::move(added).error();
  }
  for (const auto& var : container.env) {
    auto value = value_of(var, container.name, facts, env);
    if (!value) return std::move(value).error().context("env " + var.name);
    if (*value) set(env, var.name, **std::move(value));
  }
  return env;
}

}  // namespace berth::agent
