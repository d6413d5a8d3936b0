// agent/first_objects.cpp - see first_objects.hpp.
#include "agent/first_objects.hpp"

#include "agent/claims/provisioners.hpp"
#include "agent/node/node_object.hpp"
#include "agent/node/node_reporter.hpp"

namespace berth::agent {

using model::Kind;

void write_first_objects(store::Store& store, StoreWriter& writer, const Clock& clock, const Config& config,
                         const std::string& host_ip) {
  const auto quiet = [](const Status&) {};
  for (const auto* name : {"default", "kube-system", kNodeLeaseNamespace.data()}) {
    writer.create({{"apiVersion", "v1"},
                   {"kind", "Namespace"},
                   {"metadata", {{"name", name}}},
                   {"status", {{"phase", "Active"}}}},
                  Durability::Durable, quiet);
  }
  if (store.list(Kind::StorageClass).objects.empty()) {
    writer.create(
        {{"apiVersion", "storage.k8s.io/v1"},
         {"kind", "StorageClass"},
         {"metadata",
          {{"name", "directory"}, {"annotations", {{"storageclass.kubernetes.io/is-default-class", "true"}}}}},
         {"provisioner", std::string(kDirectoryProvisioner)},
         {"reclaimPolicy", "Delete"},
         {"volumeBindingMode", "WaitForFirstConsumer"}},
        Durability::Durable, quiet);
  }
  auto node = make_node_object(config, host_ip, "containerd", clock.wall());
  const model::ObjectKey key{Kind::Node, "", config.node_name};
  if (store.get(key)) {
    writer.modify(
        key, {}, Durability::Durable,
        [node](json::object& raw) {
          merge_node(raw, node);
          auto status = node.at("status").get_object();
          // When they changed is known better there.
          const json::value stored(raw);
          if (const auto* conditions = find(stored, {"status", "conditions"})) status["conditions"] = *conditions;
          raw["status"] = std::move(status);
          return true;
        },
        quiet);
  } else {
    writer.create(std::move(node), Durability::Durable, quiet);
  }
}

}  // namespace berth::agent
