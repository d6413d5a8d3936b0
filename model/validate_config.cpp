// model/validate_config.cpp - what has little but data: ConfigMap, Secret, Namespace, Node, Lease, Event.
#include <fmt/format.h>

#include "model/base64.hpp"
#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

void check_keys(const Reader& root, std::string_view name, std::set<std::string>& seen) {
  for (const auto& [key, value] : root.text_map(name)) {
    if (const auto why = config_key_error(key); !why.empty()) root.fail(name, invalid(key, why));
    if (!seen.insert(key).second)
      root.child(name).fail(key, fmt::format("duplicate value: \"{}\" is in data too", key));
  }
}

void check_base64(const Reader& root, std::string_view name) {
  for (const auto& [key, value] : root.text_map(name)) {
    if (const auto bytes = decode_base64(value); !bytes) root.child(name).fail(key, bytes.error().message());
  }
}

void check_size(const Reader& root, std::initializer_list<std::string_view> maps) {
  constexpr std::size_t kMost = 1024 * 1024;
  std::size_t bytes = 0;
  for (const auto map : maps) {
    for (const auto& [key, value] : root.text_map(map)) bytes += value.size();
  }
  if (bytes > kMost) root.fail("data", fmt::format("too long: may not be more than {} bytes", kMost));
}

/// The keys that a type of secret must have; their values are base64 already.
void check_secret_type(const Reader& root) {
  const auto type = root.text("type");
  const auto data = root.child("data");
  const auto require_key = [&](std::string_view key) {
    if (!data.has(key)) data.fail(key, "required");
  };
  const auto require_json = [&](std::string_view key) {
    require_key(key);
    const auto bytes = decode_base64(data.text(key));
    if (!data.has(key) || !bytes) return;
    // What it says is a password: never shown.
    if (const auto value = parse_json(*bytes); !value)
      data.fail(key, "invalid value: \"<secret contents redacted>\": not JSON");
  };
  if (type == "kubernetes.io/dockercfg") require_json(".dockercfg");
  if (type == "kubernetes.io/dockerconfigjson") require_json(".dockerconfigjson");
  if (type == "kubernetes.io/ssh-auth") require_key("ssh-privatekey");
  if (type == "kubernetes.io/tls") {
    require_key("tls.crt");
    require_key("tls.key");
  }
  if (type == "kubernetes.io/basic-auth" && !data.has("username") && !data.has("password")) {
    data.fail("username", "required");
    data.fail("password", "required");
  }
  if (type == "kubernetes.io/service-account-token") {
    const auto annotations = root.child("metadata").child("annotations");
    if (annotations.text("kubernetes.io/service-account.name").empty()) {
      root.child("metadata").fail("annotations", "required: kubernetes.io/service-account.name");
    }
  }
}

}  // namespace

void check_config_map(const Reader& root) {
  std::set<std::string> keys;
  check_keys(root, "data", keys);
  check_keys(root, "binaryData", keys);
  check_base64(root, "binaryData");
  check_size(root, {"data", "binaryData"});
}

void check_secret(const Reader& root) {
  std::set<std::string> keys;
  check_keys(root, "data", keys);
  keys.clear();
  check_keys(root, "stringData", keys);
  check_base64(root, "data");
  check_size(root, {"data", "stringData"});
  check_secret_type(root);
}

void check_namespace(const Reader& root) {
  for (const auto& finalizer : root.child("spec").texts("finalizers")) {
    if (const auto why = qualified_name_error(finalizer); !why.empty()) {
      root.child("spec").fail("finalizers", invalid(finalizer, why));
    }
  }
}

void check_node(const Reader& root) {
  std::set<std::string> seen;
  for (const auto& taint : root.child("spec").children("taints")) {
    if (require_text(taint, "key")) check_text(taint, "key", qualified_name_error);
    check_text(taint, "value", label_value_error);
    if (require_text(taint, "effect")) check_choice(taint, "effect", {"NoSchedule", "PreferNoSchedule", "NoExecute"});
    const auto mark = fmt::format("{}:{}", taint.text("key"), taint.text("effect"));
    if (!seen.insert(mark).second) {
      taint.fail("", fmt::format("duplicate value: \"{}\": taints must be unique by key and effect", mark));
    }
  }
}

void check_lease(const Reader& root) {
  const auto spec = root.child("spec");
  const auto duration = spec.maybe_integer("leaseDurationSeconds");
  if (duration && *duration <= 0) {
    spec.fail("leaseDurationSeconds", fmt::format("invalid value: {}: must be greater than 0", *duration));
  }
  check_range(spec, "leaseTransitions", 0);
}

void check_event(const Reader& root) {
  // Of any kind, also of those that are kept elsewhere; what has a namespace is told of there.
  const auto involved = root.child("involvedObject");
  const auto ns = involved.text("namespace");
  if (!ns.empty() && ns != root.child("metadata").text("namespace")) {
    involved.fail("namespace", invalid(ns, "does not match event.namespace"));
  }
}

}  // namespace berth::model
