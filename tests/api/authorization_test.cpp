// tests/api/authorization_test.cpp - what each role may do, and how a refusal reads.
#include "api/access/authorization.hpp"

#include <gtest/gtest.h>

namespace berth::api {
namespace {

AccessRequest access(Method method, std::string_view target) {
  auto parsed = parse_target(target);
  EXPECT_TRUE(parsed) << target;
  return parsed ? access_request(method, *parsed) : AccessRequest{};
}

TEST(AccessRequest, IsReadFromMethodAndPath) {
  struct Case {
    Method method;
    std::string_view target, verb, group, resource, subresource, ns, name;
  };
  for (const auto& c : {
           Case{Method::Get, "/api/v1/pods", "list", "", "pods", "", "", ""},
           Case{Method::Get, "/api/v1/pods?watch=1", "watch", "", "pods", "", "", ""},
           Case{Method::Get, "/api/v1/namespaces", "list", "", "namespaces", "", "", ""},
           Case{Method::Get, "/api/v1/namespaces/a", "get", "", "namespaces", "", "a", "a"},
           Case{Method::Put, "/api/v1/namespaces/a/finalize", "update", "", "namespaces", "finalize", "a", "a"},
           Case{Method::Get, "/api/v1/namespaces/a/pods/p/log", "get", "", "pods", "log", "a", "p"},
           Case{Method::Get, "/api/v1/namespaces/a/pods/p?watch=true", "get", "", "pods", "", "a", "p"},
           Case{Method::Post, "/api/v1/namespaces/a/pods/p/exec", "create", "", "pods", "exec", "a", "p"},
           Case{Method::Delete, "/apis/apps/v1/namespaces/a/statefulsets", "deletecollection", "apps", "statefulsets",
                "", "a", ""},
           Case{Method::Patch, "/apis/apps/v1/namespaces/a/statefulsets/s/scale", "patch", "apps", "statefulsets",
                "scale", "a", "s"},
           Case{Method::Get, "/api/v1/watch/namespaces/a/secrets", "watch", "", "secrets", "", "a", ""},
           Case{Method::Get, "/apis/nobody.example/v1/things", "list", "nobody.example", "things", "", "", ""},
           Case{Method::Get, "/apis/apps/v1", "get", "", "", "", "", ""},
           Case{Method::Get, "/healthz", "get", "", "", "", "", ""},
       }) {
    const auto got = access(c.method, c.target);
    EXPECT_EQ(got.verb, c.verb) << c.target;
    EXPECT_EQ(got.group, c.group) << c.target;
    EXPECT_EQ(got.resource, c.resource) << c.target;
    EXPECT_EQ(got.subresource, c.subresource) << c.target;
    EXPECT_EQ(got.ns, c.ns) << c.target;
    EXPECT_EQ(got.name, c.name) << c.target;
  }
}

TEST(IsAllowed, AHostAsksForWhatOnlyThePodsHostKnows) {
  const std::string pod = "/api/v1/namespaces/a/pods/p";
  for (const auto* sub : {"/log", "/exec", "/attach", "/portforward"}) {
    EXPECT_TRUE(is_allowed(Role::Host, access(Method::Get, pod + sub))) << sub;
    EXPECT_TRUE(is_allowed(Role::Host, access(Method::Post, pod + sub))) << sub;
    EXPECT_FALSE(is_allowed(Role::Host, access(Method::Delete, pod + sub))) << sub;
  }
  for (const auto* path : {"/apis/metrics.k8s.io/v1beta1/nodes", "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods/p"}) {
    EXPECT_TRUE(is_allowed(Role::Host, access(Method::Get, path))) << path;
  }
  for (const auto* path : {"/api/v1/pods", "/api/v1/namespaces/a/pods/p", "/api/v1/namespaces/a/secrets/s",
                           "/api/v1/namespaces/a/pods/p/proxy/", "/apis/apps/v1/namespaces/a/statefulsets/p/log",
                           "/metrics", "/berth/v1/backup", "/berth/kubeconfig"}) {
    EXPECT_FALSE(is_allowed(Role::Host, access(Method::Get, path))) << path;
  }
  EXPECT_EQ(make_user("n1", {"berth:hosts", "view"}).role, Role::Host);
  EXPECT_EQ(make_user("n1", {"view", "berth:hosts"}).role, Role::Host);
  EXPECT_EQ(make_user("n1", {"berth:hosts", "system:masters"}).role, Role::Admin);
  EXPECT_EQ(make_user("n1", groups_of_stranger({"berth:hosts"}, {})).role, Role::None) << "of another CA";
}

TEST(IsAllowed, WhoJoinsAsksForACertificateAndNothingElse) {
  const std::string page(kHostCertificatePath);
  EXPECT_TRUE(is_allowed(Role::Joiner, access(Method::Post, page)));
  EXPECT_TRUE(is_allowed(Role::Admin, access(Method::Post, page)));
  for (const auto role : {Role::None, Role::Viewer, Role::Host})
    EXPECT_FALSE(is_allowed(role, access(Method::Post, page)));
  EXPECT_FALSE(is_allowed(Role::Joiner, access(Method::Get, page)));
  for (const auto* path : {"/api/v1/pods", "/api/v1/namespaces/kube-system/secrets/berth-ca", "/metrics",
                           "/berth/v1/backup", "/api/v1/namespaces/a/pods/p/log"}) {
    EXPECT_FALSE(is_allowed(Role::Joiner, access(Method::Get, path))) << path;
  }
  EXPECT_EQ(make_user("system:bootstrap:abcdef", {kBootstrappersGroup}).role, Role::Joiner);
  EXPECT_EQ(make_user("n1", {kBootstrappersGroup, "view"}).role, Role::Viewer);
  EXPECT_EQ(make_user("n1", groups_of_stranger({kBootstrappersGroup}, {})).role, Role::None) << "of another CA";
}

TEST(IsAllowed, AdminsDoEverythingAndViewersOnlyLook) {
  struct Case {
    Method method;
    std::string_view target;
    bool viewer, nobody;
  };
  for (const auto& c : {
           Case{Method::Get, "/api", true, true},
           Case{Method::Get, "/apis/apps/v1", true, true},
           Case{Method::Get, "/version", true, true},
           Case{Method::Get, "/openapi/v2", true, true},
           Case{Method::Get, "/readyz/store", true, true},
           Case{Method::Get, "/metrics", true, false},
           Case{Method::Get, "/berth/v1/status", true, false},
           Case{Method::Get, "/berth/v1/ailments", true, false},
           Case{Method::Get, "/ui", true, false},
           Case{Method::Get, "/ui/page.js", true, false},
           Case{Method::Get, "/uix", false, false},
           Case{Method::Get, "/berth/kubeconfig", false, false},
           Case{Method::Get, "/berth/v1/backup", false, false},
           Case{Method::Post, "/version", false, false},
           Case{Method::Get, "/healthzy", false, false},
           Case{Method::Get, "/debug/pprof", false, false},
           Case{Method::Get, "/api/v1/pods", true, false},
           Case{Method::Get, "/api/v1/pods?watch=true", true, false},
           Case{Method::Get, "/api/v1/namespaces/a/pods/p/log", true, false},
           Case{Method::Get, "/apis/apps/v1/namespaces/a/statefulsets/s/scale", true, false},
           Case{Method::Get, "/api/v1/secrets", false, false},
           Case{Method::Get, "/api/v1/namespaces/a/secrets/s", false, false},
           Case{Method::Get, "/api/v1/namespaces/a/%73ecrets/s", false, false},
           Case{Method::Get, "//api//v1/namespaces/a/secrets", false, false},
           Case{Method::Get, "/api/v1/watch/secrets", false, false},
           Case{Method::Get, "/api/v1/namespaces/a/pods/p/exec?command=id", false, false},
           Case{Method::Get, "/api/v1/namespaces/a/pods/p/attach", false, false},
           Case{Method::Get, "/api/v1/namespaces/a/pods/p/portforward", false, false},
           Case{Method::Get, "/api/v1/namespaces/a/pods/p/proxy", false, false},
           Case{Method::Get, "/api/v1/namespaces/a/pods/p:80/proxy/status", false, false},
           Case{Method::Get, "/api/v1/namespaces/a/services/s/proxy/log", false, false},
           Case{Method::Get, "/api/v1/proxy/nodes/n", false, false},
           Case{Method::Post, "/api/v1/namespaces/a/pods", false, false},
           Case{Method::Patch, "/apis/apps/v1/namespaces/a/statefulsets/s/scale", false, false},
           Case{Method::Delete, "/api/v1/namespaces/a/pods/p", false, false},
           Case{Method::Other, "/api/v1/pods", false, false},
           Case{Method::Post, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", true, true},
           Case{Method::Post, "/apis/authentication.k8s.io/v1/selfsubjectreviews", true, true},
           Case{Method::Post, "/apis/authorization.k8s.io/v1/subjectaccessreviews", false, false},
       }) {
    const auto wanted = access(c.method, c.target);
    EXPECT_TRUE(is_allowed(Role::Admin, wanted)) << c.target;
    EXPECT_EQ(is_allowed(Role::Viewer, wanted), c.viewer) << c.target;
    EXPECT_EQ(is_allowed(Role::None, wanted), c.nobody) << c.target;
  }
  EXPECT_FALSE(is_allowed(Role::Viewer, {.verb = "*", .resource = "pods"}));
  EXPECT_FALSE(is_allowed(Role::Viewer, {.verb = "get", .resource = "*"}));
}

TEST(IsOpenToAll, OnlyWhetherWeAreWell) {
  for (const auto* open : {"/healthz", "/livez", "/readyz", "/readyz?verbose", "/livez?exclude=x"}) {
    EXPECT_TRUE(is_open_to_all(Method::Get, open)) << open;
    EXPECT_FALSE(is_open_to_all(Method::Post, open)) << open;
  }
  for (const auto* closed : {"/", "/version", "/api", "/metrics", "/readyz/containerd", "/readyz/../api", "/healthz%2f",
                             "//readyz", "/healthzy", "/api/v1/pods?/readyz"}) {
    EXPECT_FALSE(is_open_to_all(Method::Get, closed)) << closed;
  }
}

TEST(Forbidden, ReadsAsKubernetesWordsIt) {
  const User jane = make_user("jane", {"dev"});
  EXPECT_EQ(forbidden(jane, access(Method::Delete, "/api/v1/namespaces/default/pods/x")).message,
            "pods \"x\" is forbidden: User \"jane\" cannot delete resource \"pods\" in API group \"\" in the namespace "
            "\"default\"");
  EXPECT_EQ(forbidden(jane, access(Method::Get, "/apis/apps/v1/statefulsets")).message,
            "statefulsets.apps is forbidden: User \"jane\" cannot list resource \"statefulsets\" in API group \"apps\" "
            "at the cluster scope");
  EXPECT_EQ(forbidden(jane, access(Method::Post, "/api/v1/namespaces/a/pods/x/exec")).message,
            "pods \"x\" is forbidden: User \"jane\" cannot create resource \"pods/exec\" in API group \"\" in the "
            "namespace \"a\"");
  const auto error = forbidden(jane, access(Method::Get, "/metrics"));
  EXPECT_EQ(error.message, "forbidden: User \"jane\" cannot get path \"/metrics\"");
  EXPECT_EQ(error.code, 403U);
  EXPECT_EQ(error.reason, "Forbidden");
}

TEST(MakeUser, TheStrongestGroupDecides) {
  EXPECT_EQ(make_user("a", {"view", "system:masters"}).role, Role::Admin);
  EXPECT_EQ(make_user("a", {"berth:viewers"}).role, Role::Viewer);
  EXPECT_EQ(make_user("a", {"masters", "viewers", ""}).role, Role::None);
  const std::map<std::string, std::string> mapping{{"ops", "admin"}, {"dev", "viewer"}, {"view", "viewer"}};
  const auto role = [&](const std::vector<std::string>& groups) {
    return make_user("a", groups_of_stranger(groups, mapping)).role;
  };
  EXPECT_EQ(role({"system:masters", "berth:viewers"}), Role::None) << "others' groups are called as they like";
  EXPECT_EQ(role({"ops"}), Role::Admin);
  EXPECT_EQ(role({"x", "dev"}), Role::Viewer);
  EXPECT_EQ(role({"view"}), Role::Viewer) << "named by the configuration";
  EXPECT_EQ(groups_of_stranger({"x", "system:masters", "ops"}, mapping),
            (std::vector<std::string>{"x", "ops", "system:masters"}));
  EXPECT_EQ(make_user("a", groups_of_stranger({"view"}, {})).role, Role::None);
  EXPECT_EQ(make_user("a", {"x"}).groups, (std::vector<std::string>{"x", "system:authenticated"}));
}

}  // namespace
}  // namespace berth::api
