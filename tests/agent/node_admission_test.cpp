// tests/agent/node_admission_test.cpp - pods that somebody bound to this host: which of them it takes.
#include "agent/placing/node_admission.hpp"

#include <fmt/format.h>

#include <cctype>

#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;

class NodeAdmissionTest : public ControllerFixture {
 protected:
  NodeAdmissionTest() {
    put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"},"status":{"allocatable":{"cpu":"2",
        "memory":"1Gi","pods":"3"}}})");
    begin({});
  }
  void make(const std::string& name, const std::string& cpu, const std::string& spec = "",
            const std::string& meta = "") {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"{}}},
        "spec":{{"nodeName":"n1","containers":[{{"name":"c","image":"x","resources":{{"requests":{{"cpu":"{}"}}}},
        "ports":[{{"containerPort":80{}}}]}}]}}}})",
                    name, meta, cpu, spec));
    settle();
  }
  std::string ask(const std::string& name) {
    const auto refusal = admission.ask(*cache.pod({"default", name}));
    return refusal ? refusal->reason + ": " + refusal->message : "";
  }
  void status(const std::string& name, const json::object& status) {
    edit({Kind::Pod, "default", name}, [&](json::object& raw) { raw["status"] = status; });
    settle();
  }
  static std::string owner(const std::string& kind) {
    return fmt::format(
        R"(,"ownerReferences":[{{"apiVersion":"apps/v1","kind":"{}","name":"set","uid":"u","controller":true}}])",
        kind);
  }

  NodeAdmission admission{cache, *store, "n1"};
};

TEST_F(NodeAdmissionTest, WhatDoesNotFitBesideThoseThatHaveBegunIsRefused) {
  make("a", "1800m");
  make("b", "500m");
  EXPECT_EQ(ask("a"), "") << "b has not begun";
  EXPECT_EQ(ask("b"), "OutOfcpu: Node didn't have enough resource: cpu, requested: 500, used: 1800, capacity: 2000");
  EXPECT_EQ(ask("a"), "") << "it has begun";
  status("a", {{"phase", "Succeeded"}});
  EXPECT_EQ(ask("b"), "");
}

TEST_F(NodeAdmissionTest, OneThatHasBegunBeforeABootBeginsAgain) {
  make("a", "1800m");
  make("b", "500m");
  for (const auto* name : {"a", "b"}) status(name, {{"phase", "Running"}, {"startTime", "2026-11-30T10:00:00Z"}});
  EXPECT_EQ(ask("a"), "");
  EXPECT_EQ(ask("b"), "");
}

TEST_F(NodeAdmissionTest, PortsLabelsAndTheNumberOfPodsAreAskedToo) {
  make("a", "0", R"(,"hostPort":80)");
  make("b", "0", R"(,"hostPort":80)");
  EXPECT_EQ(ask("a"), "");
  EXPECT_EQ(ask("b"),
            "NodePorts: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports");
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"picky","namespace":"default"},"spec":{"nodeName":"n1",
      "nodeSelector":{"disk":"fast"},"containers":[{"name":"c","image":"x"}]}})");
  settle();
  EXPECT_EQ(ask("picky"),
            "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
  for (const auto* name : {"c", "d"}) {
    make(name, "0");
    EXPECT_EQ(ask(name), "");
  }
  make("e", "0");
  EXPECT_EQ(ask("e"), "OutOfpods: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3");
}

TEST_F(NodeAdmissionTest, WhatSetsBindAndWhatWouldBeMadeAgainWithoutEndIsTaken) {
  for (const auto* kind : {"DaemonSet", "ReplicaSet", "StatefulSet"}) {
    make(std::string(1, static_cast<char>(std::tolower(kind[0]))), "3", "", owner(kind));
    EXPECT_EQ(ask(std::string(1, static_cast<char>(std::tolower(kind[0])))), "") << kind;
  }
  make("file", "3", "", R"(,"annotations":{"berth.io/source":"dir"})");
  EXPECT_EQ(ask("file"), "");
  put(R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"set","namespace":"default"},"spec":{
      "serviceName":"set","selector":{"matchLabels":{"app":"set"}},"template":{"metadata":{"labels":{"app":"set"}},
      "spec":{"nodeName":"n1","containers":[{"name":"c","image":"x"}]}}}})");
  make("set-0", "3", "", owner("StatefulSet"));
  EXPECT_EQ(ask("set-0").substr(0, 9), "OutOfcpu:") << "a person named the node";
}

}  // namespace
}  // namespace berth::agent
