// tests/model/manifest_test.cpp - files to objects: the seeds' manifests, lists, old versions, errors with file and
// line.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "model/conversion.hpp"
#include "model/foreign_kinds.hpp"
#include "model/model.hpp"

namespace berth::model {
namespace {

Manifest read_example(const std::string& name) {
  std::ifstream file(std::string(BERTH_SOURCE_DIR) + "/tests/data/manifests/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return read_manifest(text.str(), name);
}

std::string all_text(const std::vector<Problem>& problems) {
  std::string text;
  for (const auto& problem : problems) text += problem.text() + "\n";
  return text;
}

std::string errors_of(std::string_view text) { return all_text(read_manifest(text, "web.yaml").errors); }

TEST(Manifest, TheMongoExampleReads) {
  const auto manifest = read_example("mongo.yaml");
  EXPECT_EQ(all_text(manifest.errors), "");
  ASSERT_EQ(manifest.objects.size(), 3U);
  EXPECT_EQ(manifest.objects[0].key(), (ObjectKey{Kind::Namespace, "", "mongo"}));
  EXPECT_EQ(all_text(manifest.warnings),
            "mongo.yaml:21: StatefulSet mongo/mongo: apiVersion: apps/v1beta1 is an old version; read as apps/v1\n");

  const auto service = decode_service(manifest.objects[1]);
  ASSERT_TRUE(service.ok());
  EXPECT_TRUE(service->headless());
  EXPECT_EQ(service->ports.at(0).target_port, "27017");

  const auto set = decode_stateful_set(manifest.objects[2]);
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(manifest.objects[2].raw.at("apiVersion"), "apps/v1");
  EXPECT_EQ(set->replicas, 3);
  EXPECT_EQ(set->service_name, "mongo");
  EXPECT_EQ(set->update_strategy, "OnDelete") << "the default of apps/v1beta1";
  EXPECT_EQ(set->selector.match_labels, (StringMap{{"run", "mongo"}}));
  EXPECT_EQ(set->meta.labels, (StringMap{{"run", "mongo"}}));
  const auto& container = set->pod_template.spec.containers.items().at(0);
  EXPECT_EQ(container.command, (std::vector<std::string>{"mongod", "--replSet", "rs0"}));
  EXPECT_EQ(container.image_pull_policy, "IfNotPresent");
  EXPECT_EQ(container.ports.at(0).protocol, "TCP");
}

TEST(Manifest, TheDaemonSetExamplesRead) {
  for (const auto* name : {"agent-daemonset.yaml", "agent-lux-daemonset.yaml"}) {
    const auto manifest = read_example(name);
    EXPECT_EQ(all_text(manifest.errors), "");
    EXPECT_EQ(all_text(manifest.warnings), "");
    ASSERT_EQ(manifest.objects.size(), 1U);
    const auto set = decode_daemon_set(manifest.objects[0]);
    ASSERT_TRUE(set.ok());
    EXPECT_EQ(set->meta.ns, "default");
    EXPECT_EQ(set->update_strategy, "RollingUpdate");
    const auto& toleration = set->pod_template.spec.tolerations.items().at(0);
    EXPECT_EQ(toleration.key + toleration.op + toleration.value + toleration.effect, "gpuEqualyesNoSchedule");
  }
}

TEST(Manifest, TheVolumeExamplesReadAndNameTheirSource) {
  for (const auto* file : {"ebs-pod.yaml", "nfs-pod.yaml"}) {
    const auto manifest = read_example(file);
    EXPECT_EQ(all_text(manifest.errors), "");
    ASSERT_EQ(manifest.objects.size(), 1U);
    const auto pod = decode_pod(manifest.objects[0]);
    ASSERT_TRUE(pod.ok());
    EXPECT_EQ(pod->spec.containers.items().at(0).image, "...");
    const auto& source = pod->spec.volumes.at(0).source;
    if (const auto* disk = std::get_if<CloudDiskSource>(&source)) {
      EXPECT_EQ(disk->kind + " " + disk->id, "awsElasticBlockStore vol-049df61146c4d7901");
    } else {
      EXPECT_EQ(std::get<NfsSource>(source).path, "/exports/assets");
    }
  }
}

TEST(Manifest, ListsAndJsonRead) {
  const auto list = read_manifest(
      "kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n"
      "- kind: StatefulSetList\n  apiVersion: apps/v1\n  items: []\n",
      "l.yaml");
  EXPECT_EQ(all_text(list.errors), "");
  EXPECT_EQ(list.objects.size(), 1U);
  const auto typed = read_manifest(
      R"({"kind":"ConfigMapList","apiVersion":"v1","items":[{"metadata":{"name":"m"},"data":{"a":"\ud83d\ude00"}}]})",
      "l.json");
  EXPECT_EQ(all_text(typed.errors), "");
  ASSERT_EQ(typed.objects.size(), 1U);
  EXPECT_EQ(typed.objects[0].key(), (ObjectKey{Kind::ConfigMap, "default", "m"}));
}

TEST(Manifest, WhatAServerSetIsDropped) {
  const auto manifest = read_manifest(
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, uid: u, resourceVersion: '5', creationTimestamp: null, "
      "managedFields: []}\nstatus: {}\n",
      "f");
  ASSERT_EQ(manifest.objects.size(), 1U) << all_text(manifest.errors);
  EXPECT_EQ(json::serialize(manifest.objects[0].raw),
            R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"}})");
}

TEST(Manifest, ErrorsNameFileLineObjectAndField) {
  EXPECT_EQ(errors_of("apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: web\nspec:\n  serviceName: web\n"
                      "  selector: {matchLabels: {app: web}}\n  template:\n    metadata:\n      labels: {app: web}\n"
                      "    spec:\n      containers:\n      # the next line has no image\n      - name: web\n"),
            "web.yaml:14: StatefulSet default/web: spec.template.spec.containers[0].image: required\n");
}

TEST(Manifest, AKindThatIsNotRunHereHurtsNothingElseInTheFile) {
  const auto manifest = read_manifest(
      "apiVersion: stable.example.com/v1\nkind: CronTab\nmetadata: {name: nightly, namespace: shop}\n---\n"
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n"
      "apiVersion: v1\nkind: List\nitems:\n- apiVersion: networking.k8s.io/v1\n  kind: ServiceCIDR\n"
      "- apiVersion: v1\n  kind: ConfigMap\n"
      "  metadata: {name: b}\n",
      "web.yaml");
  EXPECT_EQ(all_text(manifest.errors), "");
  EXPECT_EQ(
      all_text(manifest.left_out),
      "web.yaml:2: CronTab shop/nightly: kind: CronTab of stable.example.com/v1 is not run here; the rest of the file "
      "is\n"
      "web.yaml:13: ServiceCIDR (document 3): kind: ServiceCIDR of networking.k8s.io/v1 is not run here; the rest "
      "of "
      "the file is\n");
  ASSERT_EQ(manifest.objects.size(), 2U);
  EXPECT_EQ(manifest.objects[1].meta.name, "b");
}

TEST(Manifest, ANamespaceOfWhatHasNoneIsDropped) {
  const auto manifest = read_manifest(
      "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r, namespace: kube-system}\n"
      "rules: []\n",
      "f");
  EXPECT_EQ(all_text(manifest.errors), "");
  ASSERT_EQ(manifest.objects.size(), 1U);
  EXPECT_EQ(manifest.objects[0].meta.ns, "");
}

TEST(Manifest, AForeignKindIsNoneOfOurs) {
  for (const auto& kind : all_kinds()) {
    EXPECT_FALSE(is_foreign_kind(kind.api_version(), kind.name)) << kind.name;
    json::object raw{{"apiVersion", kind.api_version()}, {"kind", kind.name}};
    EXPECT_EQ(convert(raw).foreign, kind.is_empty) << kind.name;
    raw["apiVersion"] = "example.com/v1";
    EXPECT_TRUE(convert(raw).foreign) << kind.name << ": another's kind of the same name";
  }
  for (const auto& old : old_versions()) {
    EXPECT_FALSE(is_foreign_kind(old.api_version, info(old.kind).name)) << old.api_version;
  }
  EXPECT_FALSE(is_foreign_kind("v1", "Pood"));
  EXPECT_FALSE(is_foreign_kind("storage.k8s.io/v1", "StorageClas"));
  EXPECT_TRUE(is_foreign_kind("storage.k8s.io/v1", "CSIDriver"));
  EXPECT_TRUE(is_foreign_kind("cert-manager.io/v1", "Certificate"));
  EXPECT_TRUE(is_foreign_kind("networking.k8s.io/v1", "ServiceCIDRList"));
}

TEST(Manifest, ErrorsOfTheFileItselfNameTheirLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"a: 1\nb: \xff\n", "web.yaml:2: not UTF-8 text\n"},
      {"- 1\n", "web.yaml:1: document 1: expected a mapping with apiVersion and kind, found a list\n"},
      {"---\n---\nkind: Pod\n", "web.yaml:3: document 1: apiVersion: required\n"},
      {"apiVersion: v1\n", "web.yaml:1: document 1: kind: required\n"},
      {"apiVersion: 1\nkind: Pod\n", "web.yaml:1: document 1: apiVersion: expected a string, found a number\n"},
      {"\napiVersion: apps/v1\nkind: StatfulSet\n",
       "web.yaml:3: document 1: kind: unknown kind \"StatfulSet\"; apps/v1 has none of this name\n"},
      {"apiVersion: v1\nkind: pod\n", "web.yaml:2: document 1: kind: unknown kind \"pod\": did you mean Pod?\n"},
      {"apiVersion: apps/v7\nkind: DaemonSet\n",
       "web.yaml:1: document 1: apiVersion: no kind \"DaemonSet\" is known in version \"apps/v7\"; use apps/v1\n"},
      {"apiVersion: v1\nkind: Namespace\n", "web.yaml:1: Namespace (document 1): metadata.name: required\n"},
      {"apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: "
       "a}\n",
       "web.yaml:5: Namespace a: duplicate value: already defined at line 1 of this file\n"},
      {"kind: List\napiVersion: v1\nitems:\n- {}\n- 5\n",
       "web.yaml:4: document 1: apiVersion: required\n"
       "web.yaml:5: document 1: expected a mapping with apiVersion and kind, found a number\n"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(errors_of(text), expected) << text;
}

TEST(Manifest, OneBadDocumentDoesNotHideTheOthersErrors) {
  const auto manifest = read_manifest(
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: A}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: "
      "b}\n"
      "---\nfoo: [\n",
      "f");
  EXPECT_EQ(manifest.objects.size(), 1U);
  ASSERT_EQ(manifest.errors.size(), 2U) << all_text(manifest.errors);
  EXPECT_EQ(manifest.errors[0].line, 3);
}

TEST(Manifest, LimitsAreErrorsThatNameThem) {
  ManifestLimits limits;
  limits.objects = 2;
  std::string text;
  for (int i = 0; i < 5; ++i)
    text += "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: n" + std::to_string(i) + "}\n";
  const auto manifest = read_manifest(text, "f", limits);
  EXPECT_EQ(all_text(manifest.errors), "f:10: document 3: more than 2 objects in one file\n");
  EXPECT_EQ(all_text(read_manifest(std::string(5'000'000, '#'), "f").errors),
            "f: 5000000 bytes: larger than the limit of 4194304\n");
}

TEST(Manifest, UnknownAndIneffectiveFieldsAreWarnings) {
  const auto manifest = read_manifest(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  restartPolice: Always\n  containers:\n  - name: c\n"
      "    image: x:1\n    imagepullpolicy: Never\n    whatever: 1\n  affinity: {podAntiAffinity: "
      "{preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: zone}}]}}\n"
      "  topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]\n",
      "p.yaml");
  EXPECT_EQ(all_text(manifest.errors), "");
  EXPECT_EQ(all_text(manifest.warnings),
            "p.yaml:5: Pod default/p: spec.restartPolice: unknown field, ignored; did you mean restartPolicy?\n"
            "p.yaml:9: Pod default/p: spec.containers[0].imagepullpolicy: unknown field, ignored; did you mean "
            "imagePullPolicy?\n"
            "p.yaml:10: Pod default/p: spec.containers[0].whatever: unknown field, ignored\n"
            "p.yaml:11: Pod default/p: spec.affinity.podAntiAffinity: has an effect only where hosts share a "
            "store\n"
            "p.yaml:12: Pod default/p: spec.topologySpreadConstraints: has an effect only where hosts share a "
            "store\n");
}

TEST(Manifest, WhatIsAboutManyHostsIsNoWarningWhereTheyShareAStore) {
  const auto manifest = read_manifest(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  runtimeClassName: mine\n"
      "  containers: [{name: c, image: x:1}]\n  affinity: {podAntiAffinity: "
      "{preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, whatever: 2, podAffinityTerm: {topologyKey: "
      "zone}}]}}\n"
      "  topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]\n",
      "p.yaml", {}, Hosts::Sharing);
  EXPECT_EQ(all_text(manifest.errors), "");
  EXPECT_EQ(all_text(manifest.warnings),
            "p.yaml:5: Pod default/p: spec.runtimeClassName: has no effect here\n"
            "p.yaml:7: Pod default/p: spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"
            ".whatever: unknown field, ignored\n");
}

TEST(Manifest, FieldsOfTheWrongTypeAreErrorsWithAHint) {
  EXPECT_EQ(
      errors_of("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels: {v: 1.0}\nspec:\n  hostNetwork: 'yes'\n"
                "  terminationGracePeriodSeconds: '5'\n  containers:\n  - name: c\n    image: x:1\n    env:\n"
                "    - {name: A, value: yes}\n    command: mongod\n    ports: [{containerPort: 99999999999}]\n"
                "    resources: {limits: {cpu: lots}}\n  volumes: [5]\n"),
      "web.yaml:5: Pod default/p: metadata.labels.v: expected a string, found a number; put it in quotes\n"
      "web.yaml:7: Pod default/p: spec.hostNetwork: expected true or false, found a string\n"
      "web.yaml:8: Pod default/p: spec.terminationGracePeriodSeconds: expected an integer, found a string; remove "
      "the quotes\n"
      "web.yaml:13: Pod default/p: spec.containers[0].env[0].value: expected a string, found a boolean; put it in "
      "quotes\n"
      "web.yaml:14: Pod default/p: spec.containers[0].command: expected a list, found a string\n"
      "web.yaml:15: Pod default/p: spec.containers[0].ports[0].containerPort: invalid value: 99999999999: does not "
      "fit in 32 bits\n"
      "web.yaml:16: Pod default/p: spec.containers[0].resources.limits.cpu: invalid value: \"lots\": quantities "
      "look like 500m, 1.5, 64Mi or 2e3\n"
      "web.yaml:17: Pod default/p: spec.volumes[0]: expected a mapping, found a number\n");
}

TEST(ParseYaml, ReadsExactlyOneDocument) {
  EXPECT_EQ(json::serialize(*parse_yaml("spec: {replicas: 3}\n")), R"({"spec":{"replicas":3}})");
  EXPECT_EQ(parse_yaml("").error().message(), "yaml: expected one document, found 0");
  EXPECT_EQ(parse_yaml("a: 1\n---\nb: 2\n").error().message(), "yaml: expected one document, found 2");
  EXPECT_EQ(parse_yaml("a: 1\nb: \xff\n").error().message(), "yaml: line 2: not UTF-8 text");
  EXPECT_EQ(json::serialize(*parse_yaml("a: 1\na: 2\n")), R"({"a":2})");
}

TEST(Manifest, OfAKeyThatIsSetTwiceTheLastCountsAndAWarningNamesBothLines) {
  const auto manifest = read_manifest(
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  one: first\n  two: other\n  one: last\n",
      "web.yaml");
  ASSERT_EQ(manifest.errors.size(), 0U);
  ASSERT_EQ(manifest.objects.size(), 1U);
  EXPECT_EQ(manifest.objects[0].raw.at("data").at("one"), "last");
  ASSERT_EQ(manifest.warnings.size(), 1U);
  EXPECT_EQ(manifest.warnings[0].text(),
            "web.yaml:7: key \"one\" is already set in this mapping, at line 5; the last one counts");
}

TEST(Manifest, AClaimTemplateReplacesAVolumeWhateverThatSays) {
  EXPECT_EQ(
      errors_of("apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web}\nspec:\n"
                "  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n"
                "      volumes: [{name: data, persistentVolumeClaim: {claimName: ''}}]\n"
                "      containers: [{name: c, image: x, volumeMounts: [{name: data, mountPath: /data}]}]\n"
                "  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec:\n"
                "      accessModes: [ReadWriteOnce]\n      resources: {requests: {storage: 1Gi}}\n"),
      "");
}

}  // namespace
}  // namespace berth::model
