// tests/runtime/oci_spec_test.cpp - what runc is told, field by field.
#include "runtime/oci_spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "model/quantity.hpp"

namespace berth::runtime {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

struct Case {
  ContainerSpec container;
  ImageConfig image;
  HostFacts host;
  ResolvedUser user{1000, 1000, {1000, 2000}};
  std::string seccomp;
  std::vector<DeviceNode> devices;
  bool limits_swap = false;
  IpcPaths ipc;
  std::string app_armor;

  Case() {
    container.pod = {"uid-1", "default", "db-0"};
    container.name = "main";
    container.attempt = 2;
    container.command = {"/bin/db"};
    container.netns_path = "/run/berth/netns/uid-1";
    container.hostname = "db-0";
    container.qos_class = "BestEffort";
    host.capabilities = ~CapabilitySet{0};
    host.memory_bytes = 8LL << 30;
    host.oom_score_floor = -1000;
  }
  Result<OciSpec> make() const {
    const auto capabilities = container_capabilities(container.security, host.capabilities);
    return make_oci_spec({container, image, host, user, capabilities.value_or(0), seccomp, devices,
                          "/berth-pods/poduid-1", limits_swap, ipc, app_armor});
  }
  json::value spec() const {
    const auto made = make();
    EXPECT_TRUE(made.ok());
    return json::parse(made->json);
  }
};

std::vector<std::string> strings(const json::value* list) {
  std::vector<std::string> found;
  if (!list) return found;
  for (const auto& item : list->as_array()) found.emplace_back(view(item.as_string()));
  return found;
}

const json::value* with(const json::value* list, std::string_view key, std::string_view value) {
  if (!list) return nullptr;
  for (const auto& item : list->as_array()) {
    if (find_string(item, {key}) == value) return &item;
  }
  return nullptr;
}

TEST(OciSpec, PutsTheContainerIntoThePodsNetworkAndItsOwnOtherNamespaces) {
  const auto spec = Case().spec();
  const auto* namespaces = find(spec, {"linux", "namespaces"});
  EXPECT_EQ(find_string(*with(namespaces, "type", "network"), {"path"}), "/run/berth/netns/uid-1");
  for (const auto* type : {"mount", "ipc", "uts", "pid"}) EXPECT_NE(with(namespaces, "type", type), nullptr) << type;
  EXPECT_EQ(with(namespaces, "type", "user"), nullptr);
  EXPECT_EQ(find_string(spec, {"hostname"}), "db-0");
  EXPECT_EQ(find_string(spec, {"annotations", "io.containerd.runc.v2.group"}), "uid-1");
  EXPECT_EQ(find_string(spec, {"linux", "cgroupsPath"}), "/berth-pods/poduid-1/uid-1-main-2");
}

TEST(OciSpec, SharesTheHostsNamespacesWhenAsked) {
  Case test;
  test.container.netns_path.clear();
  test.container.hostname.clear();
  test.container.host_pid = true;
  test.container.host_ipc = true;
  const auto spec = test.spec();
  const auto* namespaces = find(spec, {"linux", "namespaces"});
  EXPECT_EQ(namespaces->as_array().size(), 1U);
  EXPECT_EQ(find_string(*with(find(spec, {"mounts"}), "destination", "/dev/shm"), {"type"}), "bind");
  EXPECT_EQ(find_string(*with(find(spec, {"mounts"}), "destination", "/dev/mqueue"), {"type"}), "mqueue");
  EXPECT_EQ(find(spec, {"hostname"}), nullptr);
}

TEST(OciSpec, ThePodsIpcIsThatOfItsContainers) {
  Case test;
  test.ipc = {"/run/berth/ipc/uid-1/ns", "/run/berth/ipc/uid-1/shm"};
  const auto spec = test.spec();
  EXPECT_EQ(find_string(*with(find(spec, {"linux", "namespaces"}), "type", "ipc"), {"path"}), test.ipc.ns);
  const auto* shm = with(find(spec, {"mounts"}), "destination", "/dev/shm");
  EXPECT_EQ(find_string(*shm, {"type"}), "bind");
  EXPECT_EQ(find_string(*shm, {"source"}), test.ipc.shm);
  EXPECT_THAT(strings(find(*shm, {"options"})), IsSupersetOf({"nosuid", "noexec", "nodev"}));
  test.container.mounts = {{"/volumes/large", "/dev/shm", false, ""}};
  const auto covered = test.spec();
  EXPECT_EQ(find_string(*with(find(covered, {"mounts"}), "destination", "/dev/shm"), {"source"}), "/volumes/large")
      << "a volume of the container's own is where it says";
}

TEST(OciSpec, AProfileOfAppArmorIsNamedOrThereIsNone) {
  Case test;
  const auto without = test.spec();
  EXPECT_EQ(find(without, {"process", "apparmorProfile"}), nullptr);
  test.app_armor = "mine";
  const auto with_one = test.spec();
  EXPECT_EQ(find_string(with_one, {"process", "apparmorProfile"}), "mine");
}

TEST(OciSpec, WhatIsMountedBelowAReadOnlyMountIsSoWhereItIsAskedForAndPossible) {
  Case test;
  const auto access = [&](bool possible, bool read_only, Recursive asked) -> std::string {
    test.host.recursive_read_only = possible;
    test.container.mounts = {{"/volumes/data", "/data", read_only, "", asked}};
    const auto made = test.make();
    if (!made) return made.error().message();
    const auto spec = json::parse(made->json);
    return strings(find(*with(find(spec, {"mounts"}), "destination", "/data"), {"options"})).back();
  };
  for (const auto asked : {Recursive::No, Recursive::IfPossible, Recursive::Yes}) {
    EXPECT_EQ(access(/*possible=*/true, /*read_only=*/false, asked), "rw");
  }
  EXPECT_EQ(access(true, true, Recursive::No), "ro");
  EXPECT_EQ(access(true, true, Recursive::IfPossible), "rro");
  EXPECT_EQ(access(true, true, Recursive::Yes), "rro");
  EXPECT_EQ(access(false, true, Recursive::IfPossible), "ro");
  EXPECT_THAT(access(false, true, Recursive::Yes), HasSubstr("recursiveReadOnly of the mount at /data"));
}

TEST(OciSpec, AnOrdinaryContainerIsConfined) {
  const auto spec = Case().spec();
  const auto bounding = strings(find(spec, {"process", "capabilities", "bounding"}));
  EXPECT_EQ(bounding.size(), 14U);
  EXPECT_THAT(bounding, Contains("CAP_CHOWN"));
  EXPECT_THAT(bounding, Not(Contains("CAP_SYS_ADMIN")));
  EXPECT_EQ(find(spec, {"process", "capabilities", "inheritable"}), nullptr);
  EXPECT_THAT(strings(find(spec, {"linux", "maskedPaths"})), Contains("/proc/kcore"));
  EXPECT_THAT(strings(find(spec, {"linux", "readonlyPaths"})), Contains("/proc/sys"));
  EXPECT_THAT(strings(find(*with(find(spec, {"mounts"}), "destination", "/sys"), {"options"})), Contains("ro"));
  EXPECT_FALSE(find(spec, {"process", "noNewPrivileges"})->as_bool());
  EXPECT_FALSE(find(find(spec, {"linux", "resources", "devices"})->as_array()[0], {"allow"})->as_bool());
}

TEST(OciSpec, APrivilegedContainerIsNot) {
  Case test;
  test.container.security.privileged = true;
  test.container.security.allow_privilege_escalation = false;
  test.host.capabilities = 0x3;
  test.devices = {{"/dev/loop0", 'b', 7, 0, 0660, 0, 6}};
  const auto spec = test.spec();
  EXPECT_THAT(strings(find(spec, {"process", "capabilities", "bounding"})),
              ElementsAre("CAP_CHOWN", "CAP_DAC_OVERRIDE"));
  EXPECT_EQ(find(spec, {"linux", "maskedPaths"}), nullptr);
  EXPECT_EQ(find(spec, {"process", "apparmorProfile"}), nullptr);
  EXPECT_FALSE(find(spec, {"process", "noNewPrivileges"})->as_bool());
  EXPECT_THAT(strings(find(*with(find(spec, {"mounts"}), "destination", "/sys"), {"options"})), Contains("rw"));
  EXPECT_TRUE(find(find(spec, {"linux", "resources", "devices"})->as_array()[0], {"allow"})->as_bool());
  const auto* device = with(find(spec, {"linux", "devices"}), "path", "/dev/loop0");
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(find(*device, {"major"})->to_number<int>(), 7);
}

TEST(OciSpec, ARawBlockVolumeIsANodeThatThisContainerMayUse) {
  Case test;
  test.devices = {{"/dev/data", 'b', 7, 3, 0660, 0, 6}};
  const auto spec = test.spec();
  ASSERT_NE(with(find(spec, {"linux", "devices"}), "path", "/dev/data"), nullptr);
  const auto& rules = find(spec, {"linux", "resources", "devices"})->as_array();
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_FALSE(find(rules[0], {"allow"})->as_bool());
  EXPECT_TRUE(find(rules[1], {"allow"})->as_bool());
  EXPECT_EQ(find(rules[1], {"minor"})->to_number<int>(), 3);
}

TEST(OciSpec, NoPrivilegeEscalationBecomesNoNewPrivileges) {
  Case test;
  test.container.security.allow_privilege_escalation = false;
  test.container.security.read_only_root_filesystem = true;
  const auto spec = test.spec();
  EXPECT_TRUE(find(spec, {"process", "noNewPrivileges"})->as_bool());
  EXPECT_TRUE(find(spec, {"root", "readonly"})->as_bool());
}

TEST(OciSpec, CarriesUserEnvironmentDirectoryAndTerminal) {
  Case test;
  test.image.env = {"A=image", "B=image", "PATH=/opt/bin"};
  test.image.working_dir = "/data";
  test.container.env = {"B=pod", "C=pod"};
  test.container.tty = true;
  const auto spec = test.spec();
  EXPECT_THAT(strings(find(spec, {"process", "env"})),
              ElementsAre("A=image", "B=pod", "PATH=/opt/bin", "HOSTNAME=db-0", "C=pod", "TERM=xterm"));
  EXPECT_EQ(find(spec, {"process", "user", "uid"})->to_number<int>(), 1000);
  EXPECT_EQ(find(spec, {"process", "user", "additionalGids"})->as_array().size(), 2U);
  EXPECT_EQ(find_string(spec, {"process", "cwd"}), "/data");
  EXPECT_TRUE(find(spec, {"process", "terminal"})->as_bool());
}

TEST(OciSpec, OwnMountsReplaceTheSystemsAndOuterOnesComeFirst) {
  Case test;
  test.container.mounts = {{"/vol/b", "/data/inner", false, ""},
                           {"/vol/a", "/data/", true, "rslave"},
                           {"/vol/shm", "/dev/shm", false, "rprivate"}};
  const auto spec = test.spec();
  std::vector<std::string> targets;
  for (const auto& mount : find(spec, {"mounts"})->as_array()) {
    targets.emplace_back(find_string(mount, {"destination"}));
  }
  EXPECT_EQ(std::count(targets.begin(), targets.end(), "/dev/shm"), 1);
  EXPECT_LT(std::find(targets.begin(), targets.end(), "/data"),
            std::find(targets.begin(), targets.end(), "/data/inner"));
  const auto* data = with(find(spec, {"mounts"}), "destination", "/data");
  EXPECT_THAT(strings(find(*data, {"options"})), ElementsAre("rbind", "rslave", "ro"));
  EXPECT_EQ(find_string(spec, {"linux", "rootfsPropagation"}), "rslave");
}

TEST(OciSpec, ARelativeMountTargetIsInvalid) {
  Case test;
  test.container.mounts = {{"/vol/a", "data", false, ""}};
  EXPECT_TRUE(failed_with(test.make(), ErrorCode::InvalidArgument));
}

TEST(OciSpec, TurnsRequestsAndLimitsIntoCgroupValues) {
  Case test;
  test.container.resources.requests["cpu"] = *model::Quantity::parse("250m");
  test.container.resources.limits["cpu"] = *model::Quantity::parse("1500m");
  test.container.resources.limits["memory"] = *model::Quantity::parse("64Mi");
  const auto spec = test.spec();
  EXPECT_EQ(find(spec, {"linux", "resources", "cpu", "shares"})->to_number<int>(), 256);
  EXPECT_EQ(find(spec, {"linux", "resources", "cpu", "quota"})->to_number<int>(), 150000);
  EXPECT_EQ(find(spec, {"linux", "resources", "cpu", "period"})->to_number<int>(), 100000);
  EXPECT_EQ(find(spec, {"linux", "resources", "memory", "limit"})->to_number<int>(), 64 << 20);
  const auto plain = Case().spec();
  EXPECT_EQ(find(plain, {"linux", "resources", "cpu", "shares"})->to_number<int>(), 2);
  EXPECT_EQ(find(spec, {"linux", "resources", "memory", "swap"}), nullptr)
      << "runc refuses it where nothing counts swap";
  EXPECT_EQ(find(spec, {"linux", "resources", "unified"}), nullptr);
}

TEST(OciSpec, NothingAboveAMemoryLimitIsSwappedAndAContainerThatRunsOutDiesAsAWhole) {
  Case test;
  test.limits_swap = true;
  test.host.cgroup_v2 = true;
  const auto unlimited = test.spec();
  EXPECT_EQ(find(unlimited, {"linux", "resources", "memory"}), nullptr);
  test.container.resources.limits["memory"] = *model::Quantity::parse("64Mi");
  const auto spec = test.spec();
  EXPECT_EQ(find(spec, {"linux", "resources", "memory", "swap"})->to_number<int>(), 64 << 20);
  EXPECT_EQ(find_string(spec, {"linux", "resources", "unified", "memory.oom.group"}), "1");
}

TEST(OciSpec, TheFilterIsSplicedInWhole) {
  Case test;
  test.seccomp = R"({"defaultAction":"SCMP_ACT_ALLOW"})";
  EXPECT_EQ(find_string(test.spec(), {"linux", "seccomp", "defaultAction"}), "SCMP_ACT_ALLOW");
  const auto without = Case().spec();
  EXPECT_EQ(find(without, {"linux", "seccomp"}), nullptr);
}

TEST(OciSpec, WithoutAnyCommandItIsInvalid) {
  Case test;
  test.container.command.clear();
  EXPECT_TRUE(failed_with(test.make(), ErrorCode::InvalidArgument));
}

TEST(ContainerArgv, FollowsKubernetesTable) {
  ImageConfig image;
  image.entrypoint = {"/ep"};
  image.cmd = {"a", "b"};
  const auto argv = [&](std::vector<std::string> command, std::vector<std::string> args) {
    ContainerSpec container;
    container.command = std::move(command);
    container.args = std::move(args);
    return container_argv(container, image);
  };
  EXPECT_THAT(argv({}, {}), ElementsAre("/ep", "a", "b"));
  EXPECT_THAT(argv({"/c"}, {}), ElementsAre("/c"));
  EXPECT_THAT(argv({}, {"x"}), ElementsAre("/ep", "x"));
  EXPECT_THAT(argv({"/c"}, {"x"}), ElementsAre("/c", "x"));
}

TEST(OomScore, FollowsTheQosClassAndNeverGoesBelowTheHostsFloor) {
  HostFacts host;
  host.memory_bytes = 1000;
  host.oom_score_floor = -1000;
  model::Resources resources;
  resources.requests["memory"] = *model::Quantity::parse("400");
  EXPECT_EQ(oom_score_adj("Guaranteed", resources, host), -997);
  EXPECT_EQ(oom_score_adj("BestEffort", resources, host), 1000);
  EXPECT_EQ(oom_score_adj("Burstable", resources, host), 600);
  EXPECT_EQ(oom_score_adj("Burstable", {}, host), 999);
  resources.requests["memory"] = *model::Quantity::parse("5000");
  EXPECT_EQ(oom_score_adj("Burstable", resources, host), 3);
  host.oom_score_floor = 0;
  EXPECT_EQ(oom_score_adj("Guaranteed", resources, host), 0);

  Case test;
  test.container.qos_class = "Guaranteed";
  EXPECT_THAT(test.make()->notes, IsEmpty());
  test.host.oom_score_floor = 0;
  EXPECT_EQ(test.make()->notes.size(), 1U);
}

TEST(ExecProcess, TakesTheContainersUserAndEnvironment) {
  const auto made = Case().make();
  const auto process = make_exec_process(made->json, {"/bin/check", "x"}, /*terminal=*/true);
  ASSERT_TRUE(process.ok());
  const auto parsed = json::parse(*process);
  EXPECT_THAT(strings(find(parsed, {"args"})), ElementsAre("/bin/check", "x"));
  EXPECT_EQ(find(parsed, {"user", "uid"})->to_number<int>(), 1000);
  EXPECT_TRUE(find(parsed, {"terminal"})->as_bool());
  EXPECT_TRUE(failed_with(make_exec_process("{}", {"x"}, false), ErrorCode::Internal));
}

TEST(ContainerId, IsDerivedAndFitsContainerdsRules) {
  const std::string uid = "0c7e1a6b-1111-4222-8333-0123456789ab";
  EXPECT_EQ(container_id(uid, "main", 3), uid + "-main-3");
  const auto long_id = container_id(uid, std::string(63, 'a'), 4'000'000'000U);
  EXPECT_LE(long_id.size(), 76U);
  EXPECT_NE(long_id, container_id(uid, std::string(62, 'a') + "b", 4'000'000'000U));
  const auto dashes = container_id(uid, "a--b", 0);
  EXPECT_EQ(dashes.find("--"), std::string::npos);
  EXPECT_NE(dashes, container_id(uid, "a--c", 0));
}

}  // namespace
}  // namespace berth::runtime
