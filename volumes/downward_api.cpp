// volumes/downward_api.cpp - what a pod may know about itself, as text and as files. Pure but for the host's size.
// See https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "volumes/file_volumes.hpp"

namespace berth::volumes {
namespace {

/// Go's %q for what annotations hold: how the kubelet writes metadata.labels and metadata.annotations.
std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\a': out += "\\a"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\v': out += "\\v"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

/// key="value" lines in order of keys.
std::string lines_of(const model::StringMap& map) {
  std::string out;
  for (const auto& [key, value] : map) {
    if (!out.empty()) out += '\n';
    out += key + "=" + quote(value);
  }
  return out;
}

/// The KEY of prefix['KEY'].
std::optional<std::string> subscript(std::string_view path, std::string_view prefix) {
  if (path.substr(0, prefix.size()) != prefix) return std::nullopt;
  path.remove_prefix(prefix.size());
  if (path.size() < 5 || path.substr(0, 2) != "['" || path.substr(path.size() - 2) != "']") return std::nullopt;
  return std::string(path.substr(2, path.size() - 4));
}

std::string value_at(const model::StringMap& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::string() : found->second;
}

const model::Container* find_container(const model::PodSpec& spec, const std::string& name) {
  for (const auto* list : {&spec.containers, &spec.init_containers}) {
    for (const auto& container : *list) {
      if (container.name == name) return &container;
    }
  }
  return nullptr;
}

/// Thousandths of what the host has: what a container without a limit may use.
std::int64_t host_milli(std::string_view resource) {
  if (resource == "cpu") return static_cast<std::int64_t>(::sysconf(_SC_NPROCESSORS_ONLN)) * 1000;
  if (resource == "memory") {
    struct sysinfo now = {};
    if (::sysinfo(&now) != 0) return 0;
    return static_cast<std::int64_t>(now.totalram) * static_cast<std::int64_t>(now.mem_unit) * 1000;
  }
  if (resource == "ephemeral-storage") {
    struct statvfs now = {};
    if (::statvfs("/", &now) != 0) return 0;
    return static_cast<std::int64_t>(now.f_blocks) * static_cast<std::int64_t>(now.f_frsize) * 1000;
  }
  return 0;
}

Result<std::string> item_value(const model::DownwardItem& item, const PodVolumesSpec& spec) {
  if (item.field_ref) return downward_field(spec, item.field_ref->field_path);
  if (item.resource_field_ref) {
    return downward_resource(spec.pod.spec, *item.resource_field_ref, item.resource_field_ref->container_name);
  }
  return Error(ErrorCode::InvalidArgument, fmt::format("item \"{}\": needs fieldRef or resourceFieldRef", item.path));
}

}  // namespace

Result<std::string> downward_field(const PodVolumesSpec& spec, const std::string& field_path) {
  const auto& meta = spec.pod.meta;
  if (field_path == "metadata.name") return meta.name;
  if (field_path == "metadata.namespace") return meta.ns;
  if (field_path == "metadata.uid") return meta.uid;
  if (field_path == "metadata.labels") return lines_of(meta.labels);
  if (field_path == "metadata.annotations") return lines_of(meta.annotations);
  if (const auto key = subscript(field_path, "metadata.labels")) return value_at(meta.labels, *key);
  if (const auto key = subscript(field_path, "metadata.annotations")) return value_at(meta.annotations, *key);
  if (field_path == "spec.nodeName") return spec.node_name;
  if (field_path == "spec.serviceAccountName") {
    return spec.pod.spec.service_account.empty() ? "default" : spec.pod.spec.service_account;
  }
  if (field_path == "status.podIP" || field_path == "status.podIPs") return spec.pod_ip;
  if (field_path == "status.hostIP" || field_path == "status.hostIPs") return spec.host_ip;
  return Error(ErrorCode::InvalidArgument, fmt::format("fieldPath \"{}\": no such downward API field", field_path));
}

Result<std::string> downward_resource(const model::PodSpec& spec, const model::ResourceFieldRef& ref,
                                      const std::string& default_container) {
  const auto& name = ref.container_name.empty() ? default_container : ref.container_name;
  const auto* container = find_container(spec, name);
  if (container == nullptr) {
    return Error(ErrorCode::InvalidArgument, fmt::format("resourceFieldRef: no container \"{}\" in the pod", name));
  }
  const std::string_view path = ref.resource;
  const auto limits = path.substr(0, 7) == "limits.";
  const auto requests = path.substr(0, 9) == "requests.";
  const auto resource = std::string(limits ? path.substr(7) : requests ? path.substr(9) : std::string_view());
  if (resource != "cpu" && resource != "memory" && resource != "ephemeral-storage" &&
      resource.rfind("hugepages-", 0) != 0) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("resource \"{}\": no such downward API resource", ref.resource));
  }
  const auto& table = limits ? container->resources.limits : container->resources.requests;
  const auto found = table.find(resource);
  // As the kubelet: a limit that is not set is what the node has, a request that is not set is nothing.
  const auto milli = found != table.end() ? found->second.milli() : (limits ? host_milli(resource) : 0);
  const auto divisor = ref.divisor.is_zero() ? 1000 : ref.divisor.milli();
  if (divisor <= 0)
    return Error(ErrorCode::InvalidArgument, fmt::format("divisor {}: must be positive", ref.divisor.text()));
  return fmt::format("{}", milli / divisor + (milli % divisor > 0 ? 1 : 0));
}

Result<Payload> downward_payload(const model::DownwardSource& source, std::int32_t default_mode,
                                 const PodVolumesSpec& spec) {
  Payload payload;
  for (const auto& item : source.items) {
    auto value = item_value(item, spec);
    if (!value) return value.error();
    payload[item.path] = {std::move(*value), permissions(item.mode.value_or(default_mode))};
  }
  return payload;
}

}  // namespace berth::volumes
