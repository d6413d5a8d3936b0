// runtime/containerd_records.cpp - containers, snapshots, leases, and what this containerd can do.
#include "runtime/containerd_client.hpp"

#include "containerd/containers.pb.h"
#include "containerd/introspection.pb.h"
#include "containerd/leases.pb.h"
#include "containerd/snapshots.pb.h"
#include "containerd/types.pb.h"
#include "runtime/containerd_codec.hpp"

namespace berth::runtime {
namespace {

const std::string kContainers = "/containerd.services.containers.v1.Containers/";
const std::string kSnapshots = "/containerd.services.snapshots.v1.Snapshots/";
const std::string kLeases = "/containerd.services.leases.v1.Leases/";
constexpr auto kSpecType = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

ContainerRecord to_record(const wire::containers::Container& from, bool with_spec) {
  ContainerRecord record;
  record.id = from.id();
  record.labels = {from.labels().begin(), from.labels().end()};
  record.image = from.image();
  if (with_spec) record.spec_json = from.spec().value();
  record.snapshot_key = from.snapshot_key();
  record.created_at = to_wall_time(from.created_at());
  return record;
}

/// Tells the pace how long one call took, whatever became of it.
class Lap {
 public:
  explicit Lap(Pace& pace) : pace_(pace) {}
  Lap(const Lap&) = delete;
  Lap& operator=(const Lap&) = delete;
  ~Lap() {
    pace_.took(std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin_));
  }

 private:
  Pace& pace_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<std::string> ContainerdClient::version(std::chrono::milliseconds deadline) {
  const Lap lap(pace_);
  auto reply = unary<wire::introspection::VersionResponse>(channel_, "/containerd.services.version.v1.Version/Version",
                                                           wire::Empty(), options(deadline));
  if (!reply) return reply.error();
  return reply->version();
}

Result<std::vector<PluginRecord>> ContainerdClient::plugins(std::chrono::milliseconds deadline) {
  auto reply = unary<wire::introspection::PluginsResponse>(
      channel_, "/containerd.services.introspection.v1.Introspection/Plugins", wire::introspection::PluginsRequest(),
      options(deadline));
  if (!reply) return reply.error();
  std::vector<PluginRecord> found;
  for (const auto& plugin : reply->plugins()) {
    auto failure = plugin.has_init_err() ? plugin.init_err().message() : std::string();
    if (plugin.has_init_err() && failure.empty()) failure = "failed to load";
    found.push_back({plugin.type(), plugin.id(), std::move(failure)});
  }
  return found;
}

Status ContainerdClient::create_lease(const std::string& id, std::chrono::seconds lifetime) {
  wire::leases::CreateRequest request;
  request.set_id(id);
  (*request.mutable_labels())["containerd.io/gc.expire"] = format_rfc3339(std::chrono::system_clock::now() + lifetime);
  return command(channel_, kLeases + "Create", request, options());
}

Status ContainerdClient::delete_lease(const std::string& id) {
  wire::leases::DeleteRequest request;
  request.set_id(id);
  return command(channel_, kLeases + "Delete", request, options());
}

Result<std::vector<std::string>> ContainerdClient::leases(const std::string& filter) {
  wire::leases::ListRequest request;
  request.add_filters(filter);
  auto reply = unary<wire::leases::ListResponse>(channel_, kLeases + "List", request, options());
  if (!reply) return reply.error();
  std::vector<std::string> found;
  for (const auto& lease : reply->leases()) found.push_back(lease.id());
  return found;
}

Result<std::vector<SnapshotMount>> ContainerdClient::prepare_snapshot(const std::string& key, const std::string& parent,
                                                                      const std::map<std::string, std::string>& labels,
                                                                      const std::string& lease) {
  wire::snapshots::PrepareRequest request;
  request.set_snapshotter(settings_.snapshotter);
  request.set_key(key);
  request.set_parent(parent);
  for (const auto& [label, value] : labels) (*request.mutable_labels())[label] = value;
  auto reply = unary<wire::snapshots::PrepareResponse>(channel_, kSnapshots + "Prepare", request, leased(lease));
  if (!reply) return reply.error();
  std::vector<SnapshotMount> mounts;
  for (const auto& mount : reply->mounts()) {
    mounts.push_back({mount.type(), mount.source(), {mount.options().begin(), mount.options().end()}});
  }
  return mounts;
}

Result<std::vector<std::string>> ContainerdClient::snapshots(const std::string& filter) {
  wire::snapshots::ListRequest request;
  request.set_snapshotter(settings_.snapshotter);
  request.add_filters(filter);
  return collect<wire::snapshots::ListResponse, std::string>(channel_, kSnapshots + "List", request, options(),
                                                             [](const auto& message, std::vector<std::string>& found) {
                                                               for (const auto& info : message.info())
                                                                 found.push_back(info.name());
                                                             });
}

Status ContainerdClient::remove_snapshot(const std::string& key) {
  wire::snapshots::RemoveRequest request;
  request.set_snapshotter(settings_.snapshotter);
  request.set_key(key);
  return command(channel_, kSnapshots + "Remove", request, options());
}

Status ContainerdClient::create_container(const ContainerRecord& record, const std::string& lease) {
  wire::containers::OneContainer request;
  auto& container = *request.mutable_container();
  container.set_id(record.id);
  for (const auto& [key, value] : record.labels) (*container.mutable_labels())[key] = value;
  container.set_image(record.image);
  container.mutable_runtime()->set_name(settings_.runtime);
  container.mutable_spec()->set_type_url(kSpecType);
  container.mutable_spec()->set_value(record.spec_json);
  container.set_snapshotter(settings_.snapshotter);
  container.set_snapshot_key(record.snapshot_key);
  return command(channel_, kContainers + "Create", request, leased(lease));
}

Result<ContainerRecord> ContainerdClient::container(const std::string& id) {
  wire::containers::GetRequest request;
  request.set_id(id);
  const Lap lap(pace_);
  auto reply = unary<wire::containers::OneContainer>(channel_, kContainers + "Get", request, options());
  if (!reply) return reply.error();
  return to_record(reply->container(), /*with_spec=*/true);
}

Result<std::vector<ContainerRecord>> ContainerdClient::containers(const std::string& filter) {
  wire::containers::ListRequest request;
  if (!filter.empty()) request.add_filters(filter);
  const Lap lap(pace_);
  return collect<wire::containers::OneContainer, ContainerRecord>(
      channel_, kContainers + "ListStream", request, options(),
      [](const auto& message, std::vector<ContainerRecord>& found) {
        found.push_back(to_record(message.container(), /*with_spec=*/false));
      });
}

Status ContainerdClient::set_container_label(const std::string& id, const std::string& label,
                                             const std::string& value) {
  wire::containers::UpdateRequest request;
  request.mutable_container()->set_id(id);
  (*request.mutable_container()->mutable_labels())[label] = value;
  request.mutable_update_mask()->add_paths("labels." + label);
  return command(channel_, kContainers + "Update", request, options());
}

Status ContainerdClient::delete_container(const std::string& id) {
  wire::containers::GetRequest request;
  request.set_id(id);
  auto deleted = command(channel_, kContainers + "Delete", request, options());
  if (deleted || failed_with(deleted, ErrorCode::NotFound)) shims_.forget(id);
  return deleted;
}

}  // namespace berth::runtime
