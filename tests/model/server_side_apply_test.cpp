// tests/model/server_side_apply_test.cpp - ownership, conflicts and removal of server-side apply, case by case.
#include "model/server_side_apply.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "model/model.hpp"

namespace berth::model {
namespace {

json::object object(std::string_view text) {
  auto value = parse_yaml(text);
  EXPECT_TRUE(value) << text;
  return value ? value->get_object() : json::object();
}

/// A ConfigMap that several people write.
class ServerSideApply : public testing::Test {
 protected:
  /// Applies and keeps the outcome; "" or the message of its conflicts.
  std::string apply(const std::string& manager, std::string_view config, bool force = false) {
    auto applied = server_side_apply({kind, {manager, true, {}}, force, now}, live, object(config));
    EXPECT_TRUE(applied) << (applied ? "" : applied.error().message());
    if (!applied) return "error";
    if (!applied->conflicts.empty()) return conflict_message(applied->conflicts);
    live = std::move(applied->object);
    return {};
  }

  /// A change by other means, as the API records it.
  void update(const std::string& manager, std::string_view after, const std::string& subresource = {}) {
    auto changed = object(after);
    changed["metadata"].emplace_object() = live.at("metadata").get_object();
    record_update(kind, {manager, false, subresource}, now, live, changed);
    live = std::move(changed);
  }

  std::string data() const {
    const auto* found = live.if_contains("data");
    return found == nullptr ? "none" : json::serialize(*found);
  }

  /// `manager[/subresource] Apply|Update: fieldsV1`, a line each.
  std::string managers() const {
    std::string text;
    for (const auto& entry : managed_fields_of(live)) {
      text += fmt::format("{}{} {}: {}\n", entry.manager.name,
                          entry.manager.subresource.empty() ? "" : "/" + entry.manager.subresource,
                          entry.manager.applies ? "Apply" : "Update", json::serialize(encode_field_set(entry.fields)));
    }
    return text;
  }

  Kind kind = Kind::ConfigMap;
  json::object live;
  std::string now = "2026-11-21T10:00:00Z";
};

TEST_F(ServerSideApply, ANewObjectIsItsAppliersOnly) {
  EXPECT_EQ(apply("a", "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, labels: {x: '1'}}, data: {k: v}}"), "");
  EXPECT_EQ(managers(), "a Apply: {\"f:data\":{\"f:k\":{}},\"f:metadata\":{\"f:labels\":{\"f:x\":{}}}}\n");
  EXPECT_EQ(json::serialize(live.at("metadata").at("managedFields").at(0)),
            R"({"manager":"a","operation":"Apply","apiVersion":"v1","time":"2026-11-21T10:00:00Z",)"
            R"("fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:k":{}},"f:metadata":{"f:labels":{"f:x":{}}}}})");
}

TEST_F(ServerSideApply, WhatIsNotAppliedAnyMoreGoes) {
  apply("a", "{metadata: {labels: {x: '1'}}, data: {k: v, l: w}}");
  EXPECT_EQ(apply("a", "{data: {l: w}}"), "");
  EXPECT_EQ(data(), R"({"l":"w"})");
  EXPECT_FALSE(live.at("metadata").get_object().contains("labels"));
}

TEST_F(ServerSideApply, AFieldOfAnotherManagerIsAConflictUnlessItIsTheSame) {
  apply("a", "{data: {k: v, l: w}}");
  EXPECT_EQ(apply("b", "{data: {k: other}}"), R"(Apply failed with 1 conflict: conflict with "a": .data.k)");
  EXPECT_EQ(data(), R"({"k":"v","l":"w"})");
  EXPECT_EQ(apply("b", "{data: {k: v}}"), "");  // now both own it
  EXPECT_EQ(apply("a", "{data: {l: w}}"), "");
  EXPECT_EQ(data(), R"({"k":"v","l":"w"})");  // b still wants it
  EXPECT_EQ(apply("b", "{metadata: {labels: {y: z}}}"), "");
  EXPECT_EQ(data(), R"({"l":"w"})");
}

TEST_F(ServerSideApply, ForceTakesOver) {
  apply("a", "{data: {k: v, l: w}}");
  EXPECT_EQ(apply("b", "{data: {k: other}}", /*force=*/true), "");
  EXPECT_EQ(data(), R"({"k":"other","l":"w"})");
  EXPECT_EQ(managers(), "a Apply: {\"f:data\":{\"f:l\":{}}}\nb Apply: {\"f:data\":{\"f:k\":{}}}\n");
}

TEST_F(ServerSideApply, ConflictsAreListedByManager) {
  apply("a", "{data: {k: v}}");
  update("x/y", "{data: {k: v, l: w, m: x}}");
  EXPECT_EQ(apply("b", "{data: {k: 1, l: 2, m: 3}}"),
            "Apply failed with 3 conflicts: conflicts with \"a\":\n- .data.k\nconflicts with \"x/y\" using v1:\n"
            "- .data.l\n- .data.m");
}

TEST_F(ServerSideApply, ApplyingTheSameAgainChangesNothing) {
  apply("a", "{data: {k: v}}");
  const auto before = live;
  now = "2026-11-21T11:00:00Z";
  EXPECT_EQ(apply("a", "{data: {k: v}}"), "");
  EXPECT_EQ(live, before);
}

TEST_F(ServerSideApply, AnUpdateTakesTheFieldsItChanges) {
  apply("a", "{data: {k: v, l: w}}");
  update("kubectl", "{data: {k: other, l: w}}");
  EXPECT_EQ(managers(), "a Apply: {\"f:data\":{\"f:l\":{}}}\nkubectl Update: {\"f:data\":{\"f:k\":{}}}\n");
  EXPECT_EQ(apply("a", "{data: {k: v, l: w}}"),
            R"(Apply failed with 1 conflict: conflict with "kubectl" using v1: .data.k)");
  // Not saying it any more is the way to leave it to the other.
  EXPECT_EQ(apply("a", "{data: {l: w}}"), "");
  EXPECT_EQ(data(), R"({"k":"other","l":"w"})");
}

TEST_F(ServerSideApply, AnObjectFromBeforeIsBeforeFirstApplys) {
  live = object("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, uid: u, labels: {x: '1'}}, data: {k: v}}");
  EXPECT_EQ(apply("a", "{data: {k: other}}"),
            R"(Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.k)");
  EXPECT_EQ(apply("a", "{data: {k: v, l: w}}"), "");
  EXPECT_EQ(managers(),
            "a Apply: {\"f:data\":{\"f:k\":{},\"f:l\":{}}}\n"
            "before-first-apply Update: {\"f:data\":{\".\":{},\"f:k\":{}},"
            "\"f:metadata\":{\"f:labels\":{\".\":{},\"f:x\":{}}}}\n");
}

TEST_F(ServerSideApply, KubectlOverridesWhatItAppliedClientSideAndKeepsItsNote) {
  live = object(R"({"metadata":{"name":"c","annotations":{"kubectl.kubernetes.io/last-applied-configuration":
      "{\"data\":{\"k\":\"v\",\"m\":\"1\"}}\n"}},"data":{"k":"v","m":"9","s":"t"}})");
  // m was changed since, by somebody else: that is no business of kubectl's.
  EXPECT_EQ(apply("kubectl", "{data: {k: new, m: '2'}}"),
            R"(Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.m)");
  EXPECT_EQ(apply("other", "{data: {k: new}}"),
            R"(Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.k)");
  EXPECT_EQ(apply("kubectl", "{data: {k: new}}"), "");
  EXPECT_EQ(data(), R"({"k":"new","m":"9","s":"t"})");
  EXPECT_EQ(live.at("metadata").at("annotations").at("kubectl.kubernetes.io/last-applied-configuration"),
            "{\"data\":{\"k\":\"new\"}}\n");
  // kubectl looks for the updater that owns the note, to make its fields the applier's.
  bool found = false;
  for (const auto& entry : managed_fields_of(live)) {
    found = found ||
            (entry.manager.name == "kubectl-client-side-apply" && !entry.manager.applies &&
             entry.fields.has({"f:metadata", "f:annotations", "f:kubectl.kubernetes.io/last-applied-configuration"}));
  }
  EXPECT_TRUE(found) << managers();
}

TEST_F(ServerSideApply, TheDefaultsOfWhatWasAppliedClientSideAreItsOwn) {
  // Else the default of hostPath.type would keep a hostPath without path when the volume becomes an emptyDir.
  kind = Kind::Pod;
  live = object(R"({"metadata":{"name":"p","annotations":{"kubectl.kubernetes.io/last-applied-configuration":
      "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/x\"}}]}}"}},
      "spec":{"nodeName":"n1","volumes":[{"name":"v","hostPath":{"path":"/x"}}]}})");
  apply_defaults(kind, live);
  const std::string config = "{spec: {volumes: [{name: v, hostPath: {path: /x}}]}}";
  EXPECT_EQ(apply("kubectl", config), "");
  // kubectl makes the updater's fields its own, and applies again.
  auto list = managed_fields_of(live);
  FieldSet taken;
  for (const auto& entry : list) {
    if (entry.manager.name == "kubectl-client-side-apply") taken = entry.fields;
  }
  std::erase_if(list, [](const auto& entry) { return entry.manager.name == "kubectl-client-side-apply"; });
  for (auto& entry : list) {
    if (entry.manager.name == "kubectl") entry.fields = united(entry.fields, taken);
  }
  put_managed_fields(live, list);
  EXPECT_EQ(apply("kubectl", config), "");
  EXPECT_EQ(apply("kubectl", "{spec: {volumes: [{name: v, emptyDir: {}}]}}"), "");
  EXPECT_EQ(json::serialize(live.at("spec").at("volumes")), R"([{"name":"v","emptyDir":{}}])");
  EXPECT_EQ(live.at("spec").at("nodeName"), "n1");
}

TEST_F(ServerSideApply, ElementsOfListsAreOwnedOneByOne) {
  kind = Kind::StatefulSet;
  const auto set = [](std::string_view containers) {
    return fmt::format("{{spec: {{replicas: 2, template: {{spec: {{containers: {}}}}}}}}}", containers);
  };
  apply("a", set("[{name: x, image: '1', ports: [{containerPort: 80}]}, {name: y, image: '1'}]"));
  // Defaults came in; nobody owns them.
  auto defaulted = live;
  apply_defaults(kind, defaulted);
  live = defaulted;
  EXPECT_EQ(apply("b", "{spec: {template: {spec: {containers: [{name: sidecar, image: s}]}}}}"), "");
  EXPECT_EQ(apply("a", set("[{name: x, image: '2', ports: [{containerPort: 80}]}]")), "");
  const auto& containers = live.at("spec").at("template").at("spec").at("containers").get_array();
  ASSERT_EQ(containers.size(), 2U);  // y went with all its defaults, b's stays
  EXPECT_EQ(containers[0].at("name"), "x");
  EXPECT_EQ(containers[0].at("image"), "2");
  EXPECT_EQ(containers[1].at("name"), "sidecar");
  EXPECT_EQ(apply("b", "{spec: {replicas: 3}}"), R"(Apply failed with 1 conflict: conflict with "a": .spec.replicas)");
  EXPECT_EQ(apply("c", "{spec: {template: {spec: {containers: [{name: x, image: z}]}}}}"),
            R"(Apply failed with 1 conflict: conflict with "a": .spec.template.spec.containers[name="x"].image)");
}

TEST_F(ServerSideApply, AtomicListsAreOwnedWhole) {
  kind = Kind::Pod;
  apply("a", "{spec: {containers: [{name: x, args: [a, b]}]}}");
  EXPECT_EQ(apply("b", "{spec: {containers: [{name: x, args: [a, b, c]}]}}"),
            R"(Apply failed with 1 conflict: conflict with "a": .spec.containers[name="x"].args)");
}

TEST_F(ServerSideApply, TheStatusIsItsSubresources) {
  kind = Kind::StatefulSet;
  apply("a", "{spec: {replicas: 1}, status: {replicas: 7}}");
  EXPECT_FALSE(live.contains("status"));
  auto applied = server_side_apply({kind, {"s", true, "status"}, false, now}, live,
                                   object("{spec: {replicas: 9}, status: {replicas: 3}}"));
  ASSERT_TRUE(applied);
  live = applied->object;
  EXPECT_EQ(live.at("spec").at("replicas"), 1);
  EXPECT_EQ(live.at("status").at("replicas"), 3);
  EXPECT_EQ(managers(),
            "a Apply: {\"f:spec\":{\"f:replicas\":{}}}\ns/status Apply: {\"f:status\":{\"f:replicas\":{}}}\n");
}

TEST_F(ServerSideApply, ScalingIsNamedByItsSubresource) {
  kind = Kind::StatefulSet;
  apply("a", "{spec: {replicas: 1, serviceName: s}}");
  update("kubectl", "{spec: {replicas: 5, serviceName: s}}", "scale");
  EXPECT_EQ(apply("a", "{spec: {replicas: 1, serviceName: s}}"),
            "Apply failed with 1 conflict: conflict with \"kubectl\" with subresource \"scale\" using apps/v1: "
            ".spec.replicas");
}

TEST_F(ServerSideApply, NullMeansNotSaid) {
  apply("a", "{data: {k: v, l: w}}");
  EXPECT_EQ(apply("a", "{metadata: {creationTimestamp: null}, data: {k: v}, binaryData: null}"), "");
  EXPECT_EQ(data(), R"({"k":"v"})");
  EXPECT_EQ(managers(), "a Apply: {\"f:data\":{\"f:k\":{}}}\n");
}

TEST_F(ServerSideApply, ObjectsThatWereNeverAppliedCarryNoRecords) {
  live = object("{metadata: {name: c}, data: {k: v}}");
  update("kubectl", "{data: {k: w}}");
  EXPECT_FALSE(live.at("metadata").get_object().contains("managedFields"));
}

TEST_F(ServerSideApply, ClientsMayRewriteOrForgetTheRecords) {
  apply("a", "{data: {k: v}}");
  auto sent = live;
  sent.at("metadata").at("managedFields").at(0).at("manager") = "renamed";
  record_update(kind, {"kubectl", false, {}}, now, live, sent);
  EXPECT_EQ(managed_fields_of(sent).at(0).manager.name, "renamed");

  auto broken = live;
  broken.at("metadata").at("managedFields") = json::array{json::object{{"manager", "x"}}};
  record_update(kind, {"kubectl", false, {}}, now, live, broken);
  EXPECT_EQ(managed_fields_of(broken).at(0).manager.name, "a");

  for (const auto& reset : {json::array(), json::array{json::object()}}) {
    auto forgotten = live;
    forgotten.at("metadata").at("managedFields") = reset;
    record_update(kind, {"kubectl", false, {}}, now, live, forgotten);
    EXPECT_FALSE(forgotten.at("metadata").get_object().contains("managedFields"));
  }
}

TEST_F(ServerSideApply, AtMostTenUpdatersAreKeptApart) {
  apply("a", "{data: {k0: v}}");
  std::string keys = "k0: v";
  for (int i = 1; i <= 14; ++i) {
    keys += fmt::format(", k{}: v", i);
    now = fmt::format("2026-11-21T10:{:02}:00Z", i);
    update(fmt::format("u{}", i), fmt::format("{{data: {{{}}}}}", keys));
  }
  const auto list = managed_fields_of(live);
  ASSERT_EQ(list.size(), 11U);
  FieldSet ancient;
  for (const auto& entry : list) {
    if (entry.manager.name == "ancient-changes") ancient = entry.fields;
  }
  EXPECT_EQ(json::serialize(encode_field_set(ancient)),
            R"({"f:data":{"f:k1":{},"f:k2":{},"f:k3":{},"f:k4":{},"f:k5":{}}})");
}

TEST_F(ServerSideApply, AListWithoutItsKeysCannotBeApplied) {
  const auto applied =
      server_side_apply({Kind::Pod, {"a", true, {}}, false, now}, {}, object("{spec: {containers: [{image: x}]}}"));
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code(), ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace berth::model
