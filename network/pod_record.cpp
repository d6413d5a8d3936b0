// network/pod_record.cpp - JSON out and in.
#include "network/pod_record.hpp"

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/json.hpp"

namespace berth::network {
namespace {

constexpr std::size_t kMaxRecordBytes = 1024 * 1024;

Error damaged(std::string_view what) {
  return {ErrorCode::DataLoss, fmt::format("read a pod's network record: {} is missing or of the wrong type", what)};
}

std::optional<std::uint64_t> number(const json::object& object, std::string_view name, std::uint64_t max) {
  const auto* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr) return std::nullopt;
  if (const auto* u = value->if_uint64(); u != nullptr && *u <= max) return *u;
  if (const auto* i = value->if_int64(); i != nullptr && *i >= 0 && static_cast<std::uint64_t>(*i) <= max) {
    return static_cast<std::uint64_t>(*i);
  }
  return std::nullopt;
}

std::optional<std::string> text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(view(value->get_string()));
}

std::optional<HostPort> read_port(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  const auto host_port = number(*object, "hostPort", 65535);
  const auto container_port = number(*object, "containerPort", 65535);
  const auto protocol = text(*object, "protocol");
  const auto host_ip = text(*object, "hostIP");
  if (!host_port || !container_port || !protocol || !host_ip) return std::nullopt;
  return HostPort{static_cast<std::uint16_t>(*host_port), static_cast<std::uint16_t>(*container_port), *protocol,
                  *host_ip};
}

}  // namespace

std::string record_text(const PodRecord& record) {
  json::array ports;
  for (const auto& port : record.host_ports) {
    ports.push_back(json::object{{"hostPort", port.host_port},
                                 {"containerPort", port.container_port},
                                 {"protocol", port.protocol},
                                 {"hostIP", port.host_ip}});
  }
  return json::serialize(json::object{{"pod", record.pod},
                                      {"hostNetwork", record.host_network},
                                      {"address", record.address},
                                      {"netns", record.netns_inode},
                                      {"hostPorts", std::move(ports)}}) +
         "\n";
}

Result<PodRecord> read_record_text(std::string_view json_text) {
  const auto parsed = parse_json(json_text);
  if (!parsed) return Error(ErrorCode::DataLoss, "read a pod's network record: " + parsed.error().message());
  const auto* object = parsed->if_object();
  if (object == nullptr) return damaged("the object");
  PodRecord record;
  const auto* host_network = object->if_contains("hostNetwork");
  if (host_network == nullptr || !host_network->is_bool()) return damaged("hostNetwork");
  record.host_network = host_network->get_bool();
  const auto pod = text(*object, "pod");
  const auto address = text(*object, "address");
  const auto inode = number(*object, "netns", UINT64_MAX);
  const auto* ports = object->if_contains("hostPorts");
  if (!pod) return damaged("pod");
  if (!address) return damaged("address");
  if (!inode) return damaged("netns");
  if (ports == nullptr || !ports->is_array()) return damaged("hostPorts");
  record.pod = *pod;
  record.address = *address;
  record.netns_inode = *inode;
  for (const auto& value : ports->get_array()) {
    const auto port = read_port(value);
    if (!port) return damaged("hostPorts");
    record.host_ports.push_back(*port);
  }
  return record;
}

Result<std::optional<PodRecord>> read_record(const std::filesystem::path& path) {
  const auto text = read_file(path, kMaxRecordBytes);
  if (failed_with(text, ErrorCode::NotFound)) return std::optional<PodRecord>();
  if (!text) return text.error();
  auto record = read_record_text(*text);
  if (!record) return std::move(record).error().context(path.native());
  return std::optional<PodRecord>(std::move(*record));
}

}  // namespace berth::network
