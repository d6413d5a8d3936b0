// tests/api/protobuf_body_test.cpp - request bodies as kubectl 1.33 sent them, and octets that nobody should send.
#include "api/encoding/protobuf_body.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/encoding/protobuf_writer.hpp"
#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;

// Recorded from kubectl 1.33: create ns|cm|secret|sa|svc, auth can-i, auth whoami, create token, drain.
constexpr std::string_view kNamespace =
    "6b3873000a0f0a02763112094e616d657370616365121d0a150a056d6f6e676f12001a0022002a0032003800420012001a020a00"
    "1a002200";
constexpr std::string_view kConfigMap =
    "6b3873000a0f0a0276311209436f6e6669674d6170122c0a180a0873657474696e677312001a0022002a0032003800420012060a"
    "016112013112080a0162120374776f1a002200";
constexpr std::string_view kBinaryConfigMap =
    "6b3873000a0f0a0276311209436f6e6669674d617012250a130a0362696e12001a0022002a003200380042001a0e0a0762696e2e"
    "646174120300ff011a002200";
constexpr std::string_view kSecret =
    "6b3873000a0c0a0276311206536563726574122a0a120a02707712001a0022002a0032003800420012120a0870617373776f7264"
    "12067333637265741a001a002200";
constexpr std::string_view kServiceAccount =
    "6b3873000a140a027631120e536572766963654163636f756e7412170a150a05726f626f7412001a0022002a003200380042001a"
    "002200";
constexpr std::string_view kNodePort =
    "6b3873000a0d0a02763112075365727669636512680a1d0a026e7012001a0022002a003200380042005a090a0361707012026e70"
    "12430a1e0a0738302d6874747012035443501850220a080110001a0468747470280012090a0361707012026e701a0022084e6f64"
    "65506f72743a00420052005a00600068001a020a001a002200";
constexpr std::string_view kCanI =
    "6b3873000a320a17617574686f72697a6174696f6e2e6b38732e696f2f7631121753656c665375626a6563744163636573735265"
    "76696577123f0a100a0012001a0022002a0032003800420012210a1f0a0764656661756c74120664656c6574651a0022002a0470"
    "6f647332003a001a08080012001a0020001a002200";
constexpr std::string_view kWhoAmI =
    "6b3873000a2d0a1861757468656e7469636174696f6e2e6b38732e696f2f7631121153656c665375626a65637452657669657712"
    "1a0a100a0012001a0022002a0032003800420012060a040a0012001a002200";
constexpr std::string_view kTokenRequest =
    "6b3873000a280a1861757468656e7469636174696f6e2e6b38732e696f2f7631120c546f6b656e52657175657374121a0a100a00"
    "12001a0022002a0032003800420012001a040a0012001a002200";
constexpr std::string_view kDelete = "6b3873000a130a027631120d44656c6574654f7074696f6e73120208031a002200";

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return out;
}

std::string decoded(std::string_view hex) {
  const auto object = read_protobuf_body(from_hex(hex));
  return object ? json::serialize(*object) : fmt::format("{} {}", object.error().code, object.error().message);
}

/// The envelope around an object's octets.
std::string envelope(std::string_view kind, std::string_view raw, std::string_view api_version = "v1") {
  ProtobufWriter meta;
  meta.text(1, api_version);
  meta.text(2, kind);
  ProtobufWriter out;
  out.message(1, meta);
  out.bytes(2, raw);
  return std::string("k8s\0", 4) + out.data();
}

ApiResult<json::object> decode(std::string_view kind, const ProtobufWriter& raw) {
  return read_protobuf_body(envelope(kind, raw.data()));
}

TEST(ProtobufBody, WhatKubectlCreatesIsTheJsonItMeans) {
  EXPECT_EQ(decoded(kNamespace),
            R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"mongo"},"spec":{},"status":{}})");
  EXPECT_EQ(decoded(kConfigMap),
            R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"a":"1","b":"two"}})");
  EXPECT_EQ(decoded(kBinaryConfigMap),
            R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bin"},"binaryData":{"bin.dat":"AP8B"}})");
  EXPECT_EQ(decoded(kSecret),
            R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"pw"},"data":{"password":"czNjcmV0"}})");
  EXPECT_EQ(decoded(kServiceAccount), R"({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"robot"}})");
  EXPECT_EQ(decoded(kNodePort),
            R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"np","labels":{"app":"np"}},)"
            R"("spec":{"ports":[{"name":"80-http","protocol":"TCP","port":80,"targetPort":"http"}],)"
            R"("selector":{"app":"np"},"type":"NodePort"},"status":{"loadBalancer":{}}})");
}

TEST(ProtobufBody, QuestionsAndOptionsAreReadToo) {
  EXPECT_EQ(decoded(kCanI),
            R"({"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","metadata":{},)"
            R"("spec":{"resourceAttributes":{"namespace":"default","verb":"delete","resource":"pods"}},"status":{}})");
  EXPECT_EQ(decoded(kDelete), R"({"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":3})");
}

TEST(ProtobufBody, AKindThatIsNotKnownIsUnsupportedMediaType) {
  EXPECT_EQ(decoded(kTokenRequest),
            "415 protobuf is not read for kind \"TokenRequest\" in version \"authentication.k8s.io/v1\": "
            "send application/json");
}

TEST(ProtobufBody, PointersKeepTheirZeroAndInlineMessagesDissolve) {
  // containers: name c, envFrom {} · volumes: name v, emptyDir {} · grace 0 (a pointer), hostNetwork 0, automount 0
  const auto spec = from_hex(
      "12060a01639a01000a070a0176120212002000"
      "5800a80100");
  ProtobufWriter pod;
  pod.bytes(2, spec);
  const auto object = decode("Pod", pod);
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ(json::serialize(object->at("spec")),
            R"({"containers":[{"name":"c","envFrom":[{}]}],"volumes":[{"name":"v","emptyDir":{}}],)"
            R"("terminationGracePeriodSeconds":0,"automountServiceAccountToken":false})");
}

TEST(ProtobufBody, DeploymentsAndTheirLikeAreRead) {
  // replicas 0 (a pointer) · selector {matchLabels {app: web}} · strategy {type, maxUnavailable 1, maxSurge "25%"} ·
  // paused · progressDeadlineSeconds 60
  ProtobufWriter deployment;
  deployment.bytes(2, from_hex("0800120c0a0a0a036170701203776562"
                               "22200a0d526f6c6c696e67557064617465"
                               "120f0a0408001001120708011a03323525"
                               "3801483c"));
  const auto object = decode("Deployment", deployment);
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ(json::serialize(object->at("spec")),
            R"({"replicas":0,"selector":{"matchLabels":{"app":"web"}},"strategy":{"type":"RollingUpdate",)"
            R"("rollingUpdate":{"maxUnavailable":1,"maxSurge":"25%"}},"paused":true,"progressDeadlineSeconds":60})");
  ProtobufWriter controller;
  controller.bytes(2, from_hex("0802120a0a0361707012037765622005"));
  const auto older = decode("ReplicationController", controller);
  ASSERT_TRUE(older) << older.error().message;
  EXPECT_EQ(json::serialize(older->at("spec")), R"({"replicas":2,"selector":{"app":"web"},"minReadySeconds":5})");
  ProtobufWriter set;
  set.bytes(3, from_hex("080210011803"));
  EXPECT_EQ(json::serialize(decode("ReplicaSet", set)->at("status")),
            R"({"replicas":2,"fullyLabeledReplicas":1,"observedGeneration":3})");
}

TEST(ProtobufBody, AnAutoscalerIsReadByTheNumbersOfItsVersion) {
  // scaleTargetRef {Deployment web apps/v1} · minReplicas 2 · maxReplicas 9 · and field 4: a percentage in v1, metrics
  // in v2
  const std::string head =
      "0a1a0a0a4465706c6f796d656e74120377656"
      "21a07617070732f7631"
      "10021809";
  const auto spec = [&](std::string_view version, std::string_view rest) {
    ProtobufWriter raw;
    raw.bytes(2, from_hex(head + std::string(rest)));
    const auto object =
        read_protobuf_body(envelope("HorizontalPodAutoscaler", raw.data(), "autoscaling/" + std::string(version)));
    return object ? json::serialize(object->at("spec")) : object.error().message;
  };
  const std::string common =
      R"({"scaleTargetRef":{"kind":"Deployment","name":"web","apiVersion":"apps/v1"},"minReplicas":2,"maxReplicas":9,)";
  EXPECT_EQ(spec("v1", "2032"), common + R"("targetCPUUtilizationPercentage":50})");
  // type Resource · resource {name cpu, target {type Utilization, averageUtilization 50}}
  EXPECT_EQ(spec("v2",
                 "22220a085265736f7572636522160a0363707512"
                 "0f0a0b5574696c697a6174696f6e2032"),
            common + R"("metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization",)"
                     R"("averageUtilization":50}}}]})");
  // type Resource · resource {name cpu, targetAverageUtilization 50}
  EXPECT_EQ(spec("v2beta1", "22130a085265736f7572636522070a036370751032"),
            common + R"("metrics":[{"type":"Resource","resource":{"name":"cpu","targetAverageUtilization":50}}]})");
}

TEST(ProtobufBody, EndpointsAndNodesAreRead) {
  ProtobufWriter endpoints;  // 10.0.0.1, port 80/TCP
  endpoints.bytes(2, from_hex("0a0a0a0831302e302e302e311a090a0010501a03544350"));
  const auto made = decode("Endpoints", endpoints);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(json::serialize(made->at("subsets")),
            R"([{"addresses":[{"ip":"10.0.0.1"}],"ports":[{"port":80,"protocol":"TCP"}]}])");
  ProtobufWriter node;
  node.bytes(2, from_hex("2001"));
  EXPECT_EQ(json::serialize(decode("Node", node)->at("spec")), R"({"unschedulable":true})");
}

TEST(ProtobufBody, RolesAndIngressesAreRead) {
  ProtobufWriter role;  // verbs get, apiGroups "", resources pods
  role.bytes(2, from_hex("0a0367657412001a04706f6473"));
  EXPECT_EQ(json::serialize(decode("Role", role)->at("rules")),
            R"([{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}])");
  ProtobufWriter service;
  service.text(1, "web");
  service.bytes(2, from_hex("1050"));  // number 80
  ProtobufWriter backend;
  backend.message(4, service);
  ProtobufWriter path;
  path.text(1, "/");
  path.message(2, backend);
  path.text(3, "Prefix");
  ProtobufWriter http;
  http.message(1, path);
  ProtobufWriter value;
  value.message(1, http);
  ProtobufWriter rule;
  rule.text(1, "a");
  rule.message(2, value);
  ProtobufWriter spec;
  spec.message(3, rule);
  ProtobufWriter ingress;
  ingress.message(2, spec);
  EXPECT_EQ(
      json::serialize(decode("Ingress", ingress)->at("spec")),
      R"({"rules":[{"host":"a","http":{"paths":[{"path":"/","backend":{"service":{"name":"web","port":{"number":80}}},)"
      R"("pathType":"Prefix"}]}}]})");
  ProtobufWriter budget_spec;
  budget_spec.bytes(1, from_hex("08011a03353025"));  // minAvailable "50%"
  ProtobufWriter budget;
  budget.message(2, budget_spec);
  EXPECT_EQ(json::serialize(decode("PodDisruptionBudget", budget)->at("spec")), R"({"minAvailable":"50%"})");
}

TEST(ProtobufBody, QuantitiesTimesAndNegativeNumbersAreWrittenAsJsonHasThem) {
  // DeleteOptions.gracePeriodSeconds: -1, as ten octets.
  const auto options = read_protobuf_body(envelope("DeleteOptions", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  ASSERT_TRUE(options);
  EXPECT_EQ(options->at("gracePeriodSeconds"), -1);
  // ObjectMeta.deletionTimestamp (9): 1700000000 s; creationTimestamp (8): empty.
  const auto times = read_protobuf_body(envelope("ConfigMap", from_hex("0a0a42004a060880e2cfaa06")));
  ASSERT_TRUE(times) << times.error().message;
  EXPECT_EQ(json::serialize(times->at("metadata")), R"({"deletionTimestamp":"2023-11-14T22:13:20Z"})");
  // PersistentVolumeClaim.spec.resources.requests: {storage: 1Gi}
  ProtobufWriter quantity;
  quantity.text(1, "1Gi");
  ProtobufWriter entry;
  entry.text(1, "storage");
  entry.message(2, quantity);
  ProtobufWriter resources;
  resources.message(2, entry);
  ProtobufWriter spec;
  spec.message(2, resources);
  ProtobufWriter claim;
  claim.message(2, spec);
  const auto object = decode("PersistentVolumeClaim", claim);
  ASSERT_TRUE(object);
  EXPECT_EQ(json::serialize(object->at("spec")), R"({"resources":{"requests":{"storage":"1Gi"}}})");
}

/// Lease.spec (2) of a renewTime (4, a MicroTime), and metadata (1) of a deletionTimestamp (9, a Time), from
/// hexadecimal Timestamps: as text, or what is wrong.
std::string micro_time(std::string_view hex) {
  ProtobufWriter spec;
  spec.bytes(4, from_hex(hex));
  ProtobufWriter lease;
  lease.message(2, spec);
  const auto object = decode("Lease", lease);
  return object ? json::serialize(object->at("spec")) : object.error().message;
}
std::string whole_time(std::string_view hex) {
  ProtobufWriter meta;
  meta.bytes(9, from_hex(hex));
  ProtobufWriter map;
  map.message(1, meta);
  const auto object = decode("ConfigMap", map);
  return object ? json::serialize(object->at("metadata")) : object.error().message;
}

TEST(ProtobufBody, TimesAreReadInAllYearsAndAnySign) {
  // 0; -1 s; -1 s and 999,999,999 ns; 1700000000 s and -1 ns; 1 s and 1,500,000,000 ns
  EXPECT_EQ(whole_time("08001000"), R"({"deletionTimestamp":"1970-01-01T00:00:00Z"})");
  EXPECT_EQ(whole_time("08ffffffffffffffffff01"), R"({"deletionTimestamp":"1969-12-31T23:59:59Z"})");
  EXPECT_EQ(micro_time("08ffffffffffffffffff0110ff93ebdc03"), R"({"renewTime":"1969-12-31T23:59:59.999999Z"})");
  EXPECT_EQ(micro_time("0880e2cfaa0610ffffffffffffffffff01"), R"({"renewTime":"2023-11-14T22:13:19.999999Z"})");
  EXPECT_EQ(micro_time("08011080dea0cb05"), R"({"renewTime":"1970-01-01T00:00:02.500000Z"})");
  EXPECT_EQ(whole_time("08011080dea0cb05"), R"({"deletionTimestamp":"1970-01-01T00:00:01Z"})") << "whole seconds only";
  // The year 1600 (-11676096000 s), the last second of 9999, and one more; the year 1, and a second before it.
  EXPECT_EQ(whole_time("0880d4b3c0d4ffffffff01"), R"({"deletionTimestamp":"1600-01-01T00:00:00Z"})");
  EXPECT_EQ(whole_time("08ff82d1ffaf07"), R"({"deletionTimestamp":"9999-12-31T23:59:59Z"})");
  EXPECT_THAT(whole_time("088083d1ffaf07"), HasSubstr("deletionTimestamp is no time of the years 1 to 9999"));
  EXPECT_EQ(whole_time("088092b8c398feffffff01"), "{}");
  EXPECT_THAT(whole_time("08ff91b8c398feffffff01"), HasSubstr("no time of the years"));
  EXPECT_EQ(micro_time(""), "{}");
}

TEST(ProtobufBody, UnknownFieldsAreSkippedAndBrokenOnesRefused) {
  EXPECT_EQ(json::serialize(*read_protobuf_body(envelope("Secret", "\xfa\x07\x01x\xf8\x07\x05\x1a\x01T"))),
            R"({"apiVersion":"v1","kind":"Secret","type":"T"})");
  EXPECT_EQ(read_protobuf_body("{}").error().code, 400U);
  const auto whole = from_hex(kNodePort);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = read_protobuf_body(std::string_view(whole).substr(0, size));
    EXPECT_TRUE(cut || cut.error().code == 400 || cut.error().code == 415) << size;
  }
  EXPECT_THAT(read_protobuf_body(envelope("Secret", "\x1a\x7fx")).error().message, HasSubstr("ends within a field"));
  EXPECT_THAT(read_protobuf_body(envelope("Secret", "\x18\x01")).error().message, HasSubstr("another wire type"));
  EXPECT_THAT(read_protobuf_body(envelope("Secret", "\x1a\x01\xff")).error().message, HasSubstr("not UTF-8"));
  EXPECT_THAT(read_protobuf_body(envelope("Secret", "\x1b")).error().message, HasSubstr("group"));
}

TEST(ProtobufBody, AFloodOfValuesIsRefused) {
  std::string many;
  for (int i = 0; i < 250'000; ++i) many += std::string("\x12\x00", 2);  // ServiceAccount.secrets: {}
  EXPECT_THAT(read_protobuf_body(envelope("ServiceAccount", many)).error().message, HasSubstr("more than 200000"));
}

using ProtobufRequests = ApiFixture;

TEST_F(ProtobufRequests, CreateObjectsAndAnswerQuestions) {
  constexpr auto kType = "application/vnd.kubernetes.protobuf";
  EXPECT_EQ(send("POST", "/api/v1/namespaces", from_hex(kNamespace), kType).code, 201U);
  const auto service = send("POST", "/api/v1/namespaces/default/services", from_hex(kNodePort), kType);
  EXPECT_EQ(service.code, 201U) << service.message();
  const auto can = send("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", from_hex(kCanI), kType);
  EXPECT_EQ(can.code, 201U);
  EXPECT_TRUE(can.body.at("status").at("allowed").as_bool());
  const auto who = send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", from_hex(kWhoAmI), kType);
  EXPECT_FALSE(who.text({"status", "userInfo", "username"}).empty());
  EXPECT_THAT(json::serialize(who.body), HasSubstr("system:masters"));
}

}  // namespace
}  // namespace berth::api
