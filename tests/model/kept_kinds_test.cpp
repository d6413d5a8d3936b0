// tests/model/kept_kinds_test.cpp - roles, ingresses, classes, budgets, quotas: what is wrong with them, and how old
// versions are read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/conversion.hpp"
#include "model/model.hpp"
#include "tests/model/full_objects.hpp"

namespace berth::model {
namespace {

using testing::HasSubstr;

std::string complaints(const std::string& manifest) {
  std::string text;
  for (const auto& one : read_manifest(manifest, "f.yaml").errors) text += one.text() + "\n";
  return text;
}

struct Wrong {
  const char* what;
  std::string manifest;
  const char* complaint;  ///< Field and cure.
};

std::string of(std::string_view head, std::string_view rest) {
  return std::string(head) + "\nmetadata: {name: web}\n" + std::string(rest) + "\n";
}

constexpr std::string_view kRbac = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ";
constexpr std::string_view kNetworking = "apiVersion: networking.k8s.io/v1\nkind: ";

std::string rbac(std::string_view kind, std::string_view rest) {
  return of(std::string(kRbac) + std::string(kind), rest);
}
std::string networking(std::string_view kind, std::string_view rest) {
  return of(std::string(kNetworking) + std::string(kind), rest);
}
std::string budget(std::string_view spec) {
  return of("apiVersion: policy/v1\nkind: PodDisruptionBudget", std::string("spec: ") + std::string(spec));
}
std::string quota(std::string_view spec) {
  return of("apiVersion: v1\nkind: ResourceQuota", std::string("spec: ") + std::string(spec));
}
std::string limits(std::string_view limit) {
  return of("apiVersion: v1\nkind: LimitRange", std::string("spec: {limits: [") + std::string(limit) + "]}");
}
std::string ingress(std::string_view path) {
  return networking("Ingress", "spec: {rules: [{host: a.example.com, http: {paths: [" + std::string(path) + "]}}]}");
}
std::string priority(std::string_view rest) {
  return of("apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass", rest);
}
std::string runtime(std::string_view rest) { return of("apiVersion: node.k8s.io/v1\nkind: RuntimeClass", rest); }
std::string signing(std::string_view spec) {
  return of("apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest",
            std::string("spec: {signerName: a.example.com/b, ") + std::string(spec) + "}");
}
std::string pod_template(std::string_view rest) { return of("apiVersion: v1\nkind: PodTemplate", rest); }

TEST(KeptKinds, AWrongManifestIsToldFieldAndCure) {
  const Wrong all[] = {
      {"no verb", rbac("Role", "rules: [{apiGroups: [apps], resources: [deployments]}]"),
       "rules[0].verbs: required: verbs must contain at least one value"},
      {"no group", rbac("Role", "rules: [{verbs: [get], resources: [pods]}]"),
       R"(rules[0].apiGroups: required: resource rules must supply at least one api group ("" is the one of pods)"},
      {"URLs in a namespace", rbac("Role", "rules: [{verbs: [get], nonResourceURLs: [/x]}]"), "use a ClusterRole"},
      {"URLs and resources", rbac("ClusterRole", "rules: [{verbs: [get], nonResourceURLs: [/x], resources: [pods]}]"),
       "write two rules"},
      {"nothing is aggregated", rbac("ClusterRole", "aggregationRule: {clusterRoleSelectors: []}"),
       "aggregationRule.clusterRoleSelectors: required: at least one"},
      {"no resources", rbac("ClusterRole", "rules: [{verbs: [get], apiGroups: [apps]}]"),
       "rules[0].resources: required: resource rules must supply at least one resource"},
      {"no role", rbac("RoleBinding", "roleRef: {kind: Role}"), "roleRef.name: required"},
      {"a role of another kind", rbac("RoleBinding", "roleRef: {kind: Rolle, name: a}"),
       R"(roleRef.kind: unsupported value: "Rolle": supported values: "ClusterRole", "Role")"},
      {"a subject of another kind",
       rbac("RoleBinding", "roleRef: {kind: Role, name: a}\nsubjects: [{kind: Pod, name: a}]"),
       R"(subjects[0].kind: unsupported value: "Pod": supported values: "Group", "ServiceAccount", "User")"},
      {"a Role for all namespaces", rbac("ClusterRoleBinding", "roleRef: {kind: Role, name: a}"),
       R"(roleRef.kind: unsupported value: "Role": supported values: "ClusterRole")"},
      {"a service account of nowhere",
       rbac("ClusterRoleBinding", "roleRef: {kind: ClusterRole, name: a}\nsubjects: [{kind: ServiceAccount, name: a}]"),
       "subjects[0].namespace: required"},
      {"a group of a service account",
       rbac("ClusterRoleBinding",
            "roleRef: {kind: ClusterRole, name: a}\nsubjects: [{kind: ServiceAccount, name: a, "
            "namespace: b, apiGroup: apps}]"),
       R"(subjects[0].apiGroup: unsupported value: "apps")"},
      {"nothing at all", networking("Ingress", "spec: {}"),
       "spec: invalid value: either `defaultBackend` or `rules` must be specified"},
      {"no path type", ingress("{path: /, backend: {service: {name: a, port: {number: 80}}}}"),
       "paths[0].pathType: required: pathType must be specified: Exact, Prefix or ImplementationSpecific"},
      {"a path from nowhere", ingress("{path: a, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}"),
       R"(paths[0].path: invalid value: "a": must be an absolute path)"},
      {"no port", ingress("{path: /, pathType: Prefix, backend: {service: {name: a}}}"),
       "paths[0].backend.service.port: required: port name or number is required"},
      {"two ports", ingress("{path: /, pathType: Exact, backend: {service: {name: a, port: {name: b, number: 1}}}}"),
       "cannot set both port name & port number"},
      {"an address for a host", networking("Ingress", "spec: {rules: [{host: 10.0.0.1}]}"),
       R"(spec.rules[0].host: invalid value: "10.0.0.1": must be a DNS name, not an IP address)"},
      {"the old form in the new version",
       ingress("{path: /, pathType: Exact, backend: {serviceName: a, servicePort: 80}}"),
       "paths[0].backend: required: a resource or service backend is required"},
      {"no controller", networking("IngressClass", "spec: {}"), "spec.controller: required"},
      {"a controller without a domain", networking("IngressClass", "spec: {controller: nginx}"),
       "must be a domain-prefixed path"},
      {"parameters of a namespace",
       networking("IngressClass", "spec: {controller: a.b/c, parameters: {kind: A, name: b, scope: Namespace}}"),
       "spec.parameters.namespace: required"},
      {"no request", signing("usages: [any]"), "spec.request: required"},
      {"no PEM", signing("usages: [any], request: YQ=="),
       "spec.request: invalid value: must be base64 of a PEM block of type CERTIFICATE REQUEST"},
      {"for what?", signing("request: YQ=="), "spec.usages: required"},
      {"for something else", signing("usages: [fun]"), R"(spec.usages: unsupported value: "fun")"},
      {"for a moment", signing("expirationSeconds: 60"), "spec.expirationSeconds"},
      {"over the system", priority("value: 2000000000"),
       "value: forbidden: maximum allowed value of a user defined priority is 1000000000"},
      {"a number in quotes", priority("value: \"high\""), "value: expected an integer"},
      {"another way to preempt", priority("value: 1\npreemptionPolicy: Always"),
       R"(preemptionPolicy: unsupported value: "Always": supported values: "Never", "PreemptLowerPriority")"},
      {"the system's name",
       "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: system-mine}\nvalue: 1\n",
       "are reserved for system use only; choose a name without it"},
      {"no handler", runtime(""), "handler: required"},
      {"no label", runtime("handler: My_Runtime"),
       R"(handler: invalid value: "My_Runtime": a lowercase RFC 1123 label)"},
      {"less than nothing", runtime("handler: a\noverhead: {podFixed: {cpu: \"-1\"}}"),
       "overhead.podFixed.cpu: invalid value: \"-1\": must be greater than or equal to 0"},
      {"no template", pod_template(""), "template: required"},
      {"no containers", pod_template("template: {spec: {}}"), "template.spec.containers: required"},
      {"no image", pod_template("template: {spec: {containers: [{name: a}]}}"),
       "template.spec.containers[0].image: required"},
      {"both bounds", budget("{minAvailable: 1, maxUnavailable: 1}"),
       "spec: invalid value: minAvailable and maxUnavailable cannot be both set"},
      {"more than all", budget("{minAvailable: 150%}"),
       "spec.minAvailable: invalid value: \"150%\": must not be greater than 100%"},
      {"neither number nor share", budget("{maxUnavailable: some}"),
       "spec.maxUnavailable: invalid value: \"some\": a valid percent"},
      {"another policy", budget("{unhealthyPodEvictionPolicy: Never}"),
       R"(spec.unhealthyPodEvictionPolicy: unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget")"},
      {"nothing that is counted", quota("{hard: {deployments: 1}}"),
       "spec.hard.deployments: invalid value: \"deployments\": must be a standard resource for quota"},
      {"less than nothing", quota("{hard: {pods: \"-1\"}}"),
       "spec.hard.pods: invalid value: \"-1\": must be greater than or equal to 0"},
      {"half a pod", quota("{hard: {pods: 1500m}}"), "spec.hard.pods: invalid value: \"1500m\": must be an integer"},
      {"no such scope", quota("{hard: {pods: 1}, scopes: [Fast]}"),
       "spec.scopes: invalid value: \"Fast\": unsupported scope"},
      {"both of a kind", quota("{hard: {pods: 1}, scopes: [BestEffort, NotBestEffort]}"),
       "spec.scopes: invalid value: conflicting scopes"},
      {"a scope of what has none", quota("{hard: {services: 1}, scopes: [NotTerminating]}"),
       "unsupported scope applied to resource: services"},
      {"no such type", limits("{type: Deployment}"),
       "must be a standard limit type (Container, Pod, PersistentVolumeClaim)"},
      {"more than the most", limits("{type: Container, min: {cpu: 2}, max: {cpu: 1}}"),
       R"(spec.limits[0].min.cpu: invalid value: "2": min value 2 is greater than max value 1)"},
      {"a pod has no default", limits("{type: Pod, default: {cpu: 1}}"),
       "spec.limits[0].default: forbidden: may not be specified when `type` is 'Pod'"},
      {"twice", limits("{type: Pod, max: {cpu: 1}}, {type: Pod, max: {cpu: 1}}"),
       "spec.limits[1].type: duplicate value: \"Pod\""},
      {"a claim without storage", limits("{type: PersistentVolumeClaim, max: {cpu: 1}}"),
       "either minimum or maximum storage value is required"},
      {"less than once", limits("{type: Pod, maxLimitRequestRatio: {cpu: 500m}}"), "ratio 500m is less than 1"},
  };
  for (const auto& one : all) EXPECT_THAT(complaints(one.manifest), HasSubstr(one.complaint)) << one.what;
}

TEST(KeptKinds, NamesOfRolesAreAnythingThatAPathHolds) {
  const auto named = [](std::string_view name) {
    return std::string(kRbac) + "ClusterRole\nmetadata: {name: \"" + std::string(name) + "\"}\nrules: []\n";
  };
  EXPECT_EQ(complaints(named("system:controller:a")), "");
  EXPECT_EQ(complaints(named("Some Thing")), "");
  EXPECT_THAT(complaints(named("a/b")), HasSubstr("metadata.name: invalid value: \"a/b\": may not contain '/'"));
  EXPECT_THAT(complaints(named("a%b")), HasSubstr("may not contain '%'"));
  EXPECT_THAT(complaints(named("..")), HasSubstr("may not be '..'"));
}

TEST(KeptKinds, WhatMayNotChangeDoesNot) {
  const auto changed = [](Kind kind, std::string_view field, std::string_view below, json::value value) {
    const auto old = full_object(kind);
    auto now = old;
    if (below.empty()) {
      now[field] = std::move(value);
    } else {
      now[field].as_object()[below] = std::move(value);
    }
    std::string text;
    for (const auto& one : validate(kind, now, &old)) text += one.text();
    return text;
  };
  EXPECT_THAT(changed(Kind::RoleBinding, "roleRef", "name", "other"),
              HasSubstr("roleRef: invalid value: cannot change"));
  EXPECT_THAT(changed(Kind::ClusterRoleBinding, "roleRef", "name", "other"),
              HasSubstr("delete the binding and make it"));
  EXPECT_THAT(changed(Kind::PriorityClass, "value", "", 7),
              HasSubstr("value: forbidden: may not be changed in an update"));
  EXPECT_THAT(changed(Kind::RuntimeClass, "handler", "", "crun"),
              HasSubstr("handler: invalid value: field is immutable"));
  EXPECT_THAT(changed(Kind::IngressClass, "spec", "controller", "a.b/c"),
              HasSubstr("spec.controller: invalid value: field"));
  EXPECT_THAT(changed(Kind::CertificateSigningRequest, "spec", "signerName", "a.b/c"),
              HasSubstr("spec.signerName: invalid value: field is immutable"));
  EXPECT_THAT(changed(Kind::ResourceQuota, "spec", "scopes", json::array()),
              HasSubstr("spec.scopes: invalid value: field"));
}

TEST(KeptKinds, WhatHasNoEffectSaysSoOnce) {
  for (const auto& kind : all_kinds()) {
    const auto warnings = unknown_fields(kind.kind, full_object(kind.kind));
    const auto whole =
        std::count_if(warnings.begin(), warnings.end(), [](const Problem& one) { return one.field.empty(); });
    EXPECT_EQ(whole, kind.without_effect.empty() ? 0 : 1) << kind.name;
  }
  const auto manifest = read_manifest(rbac("Role", "rules: []"), "f.yaml");
  ASSERT_EQ(manifest.warnings.size(), 1U);
  EXPECT_EQ(
      manifest.warnings[0].text(),
      "f.yaml:1: Role default/web: kept, without effect here: nothing enforces roles: nobody inside a pod has a token");
  EXPECT_EQ(manifest.objects.size(), 1U);
}

TEST(KeptKinds, LimitsFillEachOther) {
  auto raw = *parse_yaml(limits("{type: Container, max: {cpu: 2, memory: 1Gi}, default: {cpu: 1}, min: {cpu: 100m}}"));
  apply_defaults(Kind::LimitRange, raw.as_object());
  const auto& limit = raw.at("spec").at("limits").at(0);
  EXPECT_EQ(json::serialize(limit.at("default")), R"({"cpu":"1","memory":"1Gi"})");
  EXPECT_EQ(json::serialize(limit.at("defaultRequest")), R"({"cpu":"1","memory":"1Gi"})");
  auto pod = *parse_yaml(limits("{type: Pod, max: {cpu: 2}}"));
  apply_defaults(Kind::LimitRange, pod.as_object());
  EXPECT_FALSE(pod.at("spec").at("limits").at(0).as_object().contains("default"));
}

/// What is read from `old`, and that it is shown to those who ask for the old version as it was written.
json::object converted(Kind kind, const std::string& old) {
  auto raw = parse_yaml(old)->as_object();
  const auto before = raw;
  const auto conversion = convert(raw);
  EXPECT_TRUE(conversion.issues.empty());
  EXPECT_EQ(conversion.old_version, before.at("apiVersion").as_string());
  const auto* version = old_version(kind, conversion.old_version);
  EXPECT_TRUE(version != nullptr && version->from_current != nullptr);
  auto back = raw;
  version->from_current(back);
  EXPECT_EQ(json::serialize(back.at("spec")), json::serialize(before.at("spec")));
  return raw;
}

TEST(KeptKinds, AnOldIngressIsReadAndShown) {
  for (const auto* version : {"extensions/v1beta1", "networking.k8s.io/v1beta1"}) {
    const auto raw =
        converted(Kind::Ingress, std::string("apiVersion: ") + version +
                                     "\nkind: Ingress\nmetadata: {name: web}\nspec:\n"
                                     "  rules: [{host: a.example.com, http: {paths: [{path: /, backend: {"
                                     "serviceName: web, servicePort: http}, pathType: ImplementationSpecific}]}}]\n"
                                     "  backend: {serviceName: rest, servicePort: 80}\n");
    EXPECT_EQ(json::serialize(raw.at("spec").at("defaultBackend")),
              R"({"service":{"name":"rest","port":{"number":80}}})");
    const auto& path = raw.at("spec").at("rules").at(0).at("http").at("paths").at(0);
    EXPECT_EQ(json::serialize(path.at("backend")), R"({"service":{"name":"web","port":{"name":"http"}}})");
    auto complete = raw;
    complete["metadata"].as_object()["namespace"] = "default";
    EXPECT_TRUE(validate(Kind::Ingress, complete, nullptr).empty());
  }
  auto short_form = parse_yaml(
                        "{apiVersion: extensions/v1beta1, kind: Ingress, metadata: {name: a}, spec: {rules: [{http: "
                        "{paths: [{backend: {serviceName: a, servicePort: 1}}]}}]}}")
                        ->as_object();
  convert(short_form);
  EXPECT_EQ(short_form.at("spec").at("rules").at(0).at("http").at("paths").at(0).at("pathType"),
            "ImplementationSpecific");
}

TEST(KeptKinds, AnEmptySelectorOfAnOldBudgetTakesNobody) {
  const auto head = std::string("apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: ");
  const auto raw = converted(Kind::PodDisruptionBudget, head + "{minAvailable: 1, selector: {}}\n");
  EXPECT_EQ(
      json::serialize(raw.at("spec").at("selector")),
      R"({"matchExpressions":[{"key":"pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match","operator":"Exists"}]})");
  converted(Kind::PodDisruptionBudget, head + "{minAvailable: 1, selector: {matchLabels: {a: b}}}\n");
}

TEST(KeptKinds, AnyShapeOfAnOldVersionHurtsNobody) {
  const json::value shapes[] = {nullptr, 1, "x", json::array{1, nullptr}, json::object{}, json::object{{"backend", 1}}};
  for (const auto& old : old_versions()) {
    for (const auto& shape : shapes) {
      json::object raw{{"apiVersion", old.api_version}, {"kind", info(old.kind).name}, {"spec", shape}};
      convert(raw);
      raw["spec"] = json::object{{"defaultBackend", shape}, {"backend", shape}, {"selector", shape}, {"rules", shape}};
      raw["apiVersion"] = old.api_version;
      convert(raw);
      if (old.from_current != nullptr) old.from_current(raw);
    }
  }
}

}  // namespace
}  // namespace berth::model
