// model/validate_ingress.cpp - Ingress and IngressClass.
#include <fmt/format.h>

#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

/// A kind and a name somewhere.
void check_typed_reference(const Reader& reference) {
  check_text(reference, "apiGroup", dns_subdomain_error);
  for (const auto* name : {"kind", "name"}) {
    if (require_text(reference, name)) check_text(reference, name, path_segment_error);
  }
}

void check_backend(const Reader& backend) {
  const auto service = backend.child("service");
  const auto resource = backend.child("resource");
  if (service.present() && resource.present()) {
    return backend.fail("", "invalid value: cannot set both resource and service backends");
  }
  if (resource.present()) return check_typed_reference(resource);
  if (!service.present()) return backend.fail("", "required: a resource or service backend is required");
  if (require_text(service, "name")) check_text(service, "name", dns_1035_label_error);
  const auto port = service.child("port");
  const auto number = port.integer("number");
  const bool named = !port.text("name").empty();
  if (named && number != 0) return port.fail("", "invalid value: cannot set both port name & port number");
  if (named) return check_text(port, "name", port_name_error);
  if (number != 0) return check_range(port, "number", 1, 65535);
  service.fail("port", "required: port name or number is required");
}

std::string url_path_error(std::string_view path) {
  if (!path.starts_with('/')) return "must be an absolute path";
  for (const auto* part : {"//", "/./", "/../", "%2f", "%2F"}) {
    if (path.find(part) != std::string_view::npos) return fmt::format("must not contain '{}'", part);
  }
  for (const auto* end : {"/..", "/."}) {
    if (path.ends_with(end)) return fmt::format("cannot end with '{}'", end);
  }
  return {};
}

void check_path(const Reader& path) {
  if (!path.has("pathType")) {
    path.fail("pathType", "required: pathType must be specified: Exact, Prefix or ImplementationSpecific");
  }
  check_choice(path, "pathType", {"Exact", "ImplementationSpecific", "Prefix"});
  const auto type = path.text("pathType");
  const auto text = path.text("path");
  if (type == "Exact" || type == "Prefix") {
    if (auto why = url_path_error(text); !why.empty()) path.fail("path", invalid(text, why));
  } else if (!text.empty() && !text.starts_with('/')) {
    path.fail("path", invalid(text, "must be an absolute path"));
  }
  const auto backend = path.child("backend");
  if (!backend.present()) return path.fail("backend", "required");
  check_backend(backend);
}

void check_rule(const Reader& rule) {
  const auto host = rule.text("host");
  if (is_ip_address(host)) {
    rule.fail("host", invalid(host, "must be a DNS name, not an IP address"));
  } else {
    check_text(rule, "host", wildcard_dns_error);
  }
  const auto http = rule.child("http");
  if (!http.present()) return;
  const auto paths = http.children("paths");
  if (paths.empty()) http.fail("paths", "required");
  for (const auto& path : paths) check_path(path);
}

}  // namespace

void check_ingress(const Reader& root) {
  const auto spec = root.child("spec");
  const auto backend = spec.child("defaultBackend");
  const auto rules = spec.children("rules");
  if (rules.empty() && !backend.present()) {
    root.fail("spec", "invalid value: either `defaultBackend` or `rules` must be specified");
  }
  if (backend.present()) check_backend(backend);
  for (const auto& rule : rules) check_rule(rule);
  for (const auto& tls : spec.children("tls")) {
    check_each(tls, "hosts", wildcard_dns_error);
    check_text(tls, "secretName", dns_subdomain_error);
  }
  check_text(spec, "ingressClassName", dns_subdomain_error);
  constexpr std::string_view kClass = "kubernetes.io/ingress.class";
  const auto metadata = root.child("metadata");
  if (!spec.text("ingressClassName").empty() && metadata.text_map("annotations").contains(std::string(kClass))) {
    metadata.child("annotations").fail(kClass, "invalid value: can not be set when the class field is also set");
  }
}

void check_ingress_class(const Reader& root) {
  const auto spec = root.child("spec");
  constexpr std::size_t kLongest = 250;
  if (require_text(spec, "controller")) {
    check_text(spec, "controller", domain_path_error);
    if (spec.text("controller").size() > kLongest) {
      spec.fail("controller", fmt::format("too long: may not be more than {} bytes", kLongest));
    }
  }
  const auto parameters = spec.child("parameters");
  if (!parameters.present()) return;
  check_typed_reference(parameters);
  check_choice(parameters, "scope", {"Cluster", "Namespace"});
  const auto scope = parameters.text("scope");
  if (scope == "Namespace" && require_text(parameters, "namespace")) {
    check_text(parameters, "namespace", dns_label_error);
  }
  if (scope == "Cluster" && parameters.has("namespace")) {
    parameters.fail("namespace", "forbidden: `parameters.scope` is set to 'Cluster'");
  }
}

void check_ingress_class_update(const Reader& now, const Reader& old) {
  check_same(now.child("spec"), old.child("spec"), "controller");
}

}  // namespace berth::model
