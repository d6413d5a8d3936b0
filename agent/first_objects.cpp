// agent/first_objects.cpp - see first_objects.hpp.
#include "agent/first_objects.hpp"

#include <utility>

#include "agent/api_service.hpp"
#include "agent/claims/provisioners.hpp"
#include "agent/node/node_object.hpp"
#include "base/log.hpp"
#include "model/pod_resources.hpp"
#include "model/priority.hpp"

namespace berth::agent {

using model::Kind;

void FirstObjects::write(const std::string& host_ip) {
  host_ip_ = host_ip;
  for (const auto* name : {"default", "kube-system", kNodeLeaseNamespace.data()}) {
    if (store_.get({Kind::Namespace, "", name})) continue;
    writer_.create({{"apiVersion", "v1"},
                    {"kind", "Namespace"},
                    {"metadata", {{"name", name}}},
                    {"status", {{"phase", "Active"}}}},
                   Durability::Durable, again_if_refused(std::string("Namespace ") + name));
  }
  for (const auto* name : {"system-cluster-critical", "system-node-critical"}) {
    if (store_.get({Kind::PriorityClass, "", name})) continue;
    writer_.create({{"apiVersion", "scheduling.k8s.io/v1"},
                    {"kind", "PriorityClass"},
                    {"metadata", {{"name", name}}},
                    {"value", *model::built_in_priority(name)},
                    {"description", "For what the host itself cannot do without."}},
                   Durability::Durable, again_if_refused(std::string("PriorityClass ") + name));
  }
  if (store_.count(Kind::StorageClass) == 0) {
    writer_.create(
        {{"apiVersion", "storage.k8s.io/v1"},
         {"kind", "StorageClass"},
         {"metadata",
          {{"name", "directory"}, {"annotations", {{"storageclass.kubernetes.io/is-default-class", "true"}}}}},
         {"provisioner", std::string(kDirectoryProvisioner)},
         {"reclaimPolicy", "Delete"},
         {"volumeBindingMode", "WaitForFirstConsumer"}},
        Durability::Durable, again_if_refused("StorageClass directory"));
  }
  write_api_service();
  write_node();
}

/// A Service that somebody changed stays as it is; where it leads follows the configuration.
void FirstObjects::write_api_service() {
  if (peers_ != nullptr && !peers_->known()) return;  // It is told when they are.
  auto objects = api_service(config_, host_ip_, /*shared=*/peers_ != nullptr);
  if (!objects.empty() && peers_ != nullptr) drop_slices();
  for (auto& wanted : objects) {
    const auto* kind = model::kind_named(find_string(wanted, {"kind"}));
    const model::ObjectKey key{kind->kind, "default", std::string(find_string(wanted, {"metadata", "name"}))};
    if (peers_ != nullptr && key.kind == Kind::Endpoints) {
      write_endpoints(key, std::move(wanted));
      continue;
    }
    auto done = again_if_refused(key.display());
    if (!store_.get(key)) {
      writer_.create(std::move(wanted), Durability::Durable, std::move(done));
    } else if (key.kind != Kind::Service) {
      writer_.modify(
          key, {}, Durability::Durable,
          [wanted = std::move(wanted)](json::object& raw) {
            bool changed = false;
            for (const auto* part : {"subsets", "endpoints", "ports"}) {
              const auto* value = wanted.if_contains(part);
              if (value == nullptr || (raw.contains(part) && raw.at(part) == *value)) continue;
              raw[part] = *value;
              changed = true;
            }
            return changed;
          },
          std::move(done));
    }
  }
}

/// Each host's addresses are its own to write; those of hosts that are gone, everybody's.
void FirstObjects::write_endpoints(const model::ObjectKey& key, json::object wanted) {
  auto done = again_if_refused(key.display());
  if (!store_.get(key)) {
    writer_.create(std::move(wanted), Durability::Durable, [this, done](const Status& written) {
      // By another host, without our part in it.
      if (failed_with(written, ErrorCode::AlreadyExists)) return again();
      done(written);
    });
    return;
  }
  writer_.modify(
      key, {}, Durability::Durable,
      [this, ours = wanted.at("subsets").get_array()](json::object& raw) {
        // Who is there by now: it may be tried again after another host came back and wrote itself.
        auto merged = merge_api_subsets(raw.if_contains("subsets"), ours, peers_->own(),
                                        [this](const std::string& node) { return peers_->contains(node); });
        if (raw.contains("subsets") && raw.at("subsets") == json::value(merged)) return false;
        raw["subsets"] = std::move(merged);
        return true;
      },
      std::move(done));
}

/// Those of hosts that are gone, and the one that a host wrote when it was alone.
void FirstObjects::drop_slices() {
  store_.visit(Kind::EndpointSlice, "default", [this](const model::ObjectPtr& slice) {
    const auto node = node_of_api_slice(*slice);
    if (!node || peers_->contains(*node)) return;
    writer_.remove(slice->key(), slice->meta.uid, again_if_refused(slice->key().display()));
  });
}

void FirstObjects::on_change(const store::Change& change) {
  if (peers_ == nullptr) return;
  const auto& object = *change.object;
  const auto is_ours = object.kind == Kind::Endpoints ? object.meta.ns == "default" && object.meta.name == "kubernetes"
                                                      : object.kind == Kind::EndpointSlice && node_of_api_slice(object);
  if (is_ours) on_peers();
}

void FirstObjects::on_peers() {
  if (peers_ != nullptr && !host_ip_.empty()) write_api_service();
}

void FirstObjects::write_node() {
  auto node = make_node_object(config_, host_ip_, "containerd", clock_.wall());
  const model::ObjectKey key{Kind::Node, "", config_.node_name};
  auto done = again_if_refused(key.display());
  if (!store_.get(key)) {
    writer_.create(std::move(node), Durability::Durable, std::move(done));
    return;
  }
  writer_.modify(
      key, {}, Durability::Durable,
      [node](json::object& raw) {
        merge_node(raw, node);
        auto status = node.at("status").get_object();
        // What NodeReporter writes is known better there; it may have been faster than this write.
        const json::value stored(raw);
        if (const auto* conditions = find(stored, {"status", "conditions"})) status["conditions"] = *conditions;
        for (const auto* list : {"capacity", "allocatable"}) {
          const auto* before = find(stored, {"status", list});
          if (before == nullptr || !before->is_object()) continue;
          for (const auto& [name, amount] : before->get_object()) {
            if (model::is_extended_resource(name)) status[list].get_object().emplace(name, amount);
          }
        }
        if (const auto* version = find(stored, {"status", "nodeInfo", "containerRuntimeVersion"})) {
          status["nodeInfo"].get_object()["containerRuntimeVersion"] = *version;
        }
        raw["status"] = std::move(status);
        return true;
      },
      std::move(done));
}

StoreWriter::Done FirstObjects::again_if_refused(const std::string& what) {
  return [this, what](const Status& written) {
    if (written || failed_with(written, ErrorCode::AlreadyExists) || retry_) return;
    if (!std::exchange(told_, true)) {
      log(LogLevel::Warning, "cannot store what every host has, trying again",
          {{"object", what}, {"error", written.error().message()}});
    }
    again();
  };
}

void FirstObjects::again() {
  if (retry_) return;
  retry_ = loop_.after(retry_after_, [this] {
    retry_.reset();
    write(host_ip_);
  });
}

}  // namespace berth::agent
