// tests/cli/made_objects_test.cpp - what `create`, `expose` and `set image` make of their flags.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/create_workload.hpp"
#include "cli/exposed_service.hpp"
#include "cli/new_images.hpp"

namespace berth::cli {
namespace {

using model::Kind;
using testing::HasSubstr;

const json::value kDeployment = *parse_json(R"({"kind":"Deployment","metadata":{"name":"web","labels":{"tier":"front"}},
    "spec":{"selector":{"matchLabels":{"app":"web"}},"template":{"spec":{
      "initContainers":[{"name":"prepare","image":"a:1"}],
      "containers":[{"name":"web","image":"a:1","ports":[{"containerPort":80},{"containerPort":53,"protocol":"UDP"}]},
                    {"name":"side","image":"b:1"}]}}}})");

TEST(MadeObjects, ADeploymentNamesItsContainersAfterTheirImages) {
  CreateDeployment wanted;
  wanted.name = "web";
  wanted.images = {"registry:5000/shop/Web_App:1.2", "web-app@sha256:00", "redis"};
  wanted.port = 80;
  const auto made = wanted.to_json();
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(*find(*made, {"spec", "template", "spec", "containers"}),
            *parse_json(R"([{"name":"web-app","image":"registry:5000/shop/Web_App:1.2","resources":{},
                             "ports":[{"containerPort":80}]},
                            {"name":"web-app-2","image":"web-app@sha256:00","resources":{}},
                            {"name":"redis","image":"redis","resources":{}}])"));
  EXPECT_EQ(find_string(*made, {"spec", "selector", "matchLabels", "app"}), "web");
  wanted.command = {"sleep"};
  EXPECT_THAT(wanted.to_json().error().message(), HasSubstr("multiple --image options and command"));
}

TEST(MadeObjects, ACronJobNeedsAScheduleAndAnImage) {
  CreateCronJob wanted;
  wanted.name = "nightly";
  wanted.image = "busybox";
  EXPECT_THAT(wanted.to_json().error().message(), HasSubstr("\"schedule\" not set"));
  wanted.schedule = "0 3 * * *";
  const auto made = wanted.to_json();
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(find_string(*made, {"spec", "jobTemplate", "spec", "template", "spec", "restartPolicy"}), "OnFailure");
}

TEST(MadeObjects, AServiceTakesSelectorPortsAndLabelsFromWhatItExposes) {
  ExposedService wanted;
  const auto& kind = model::info(Kind::Deployment);
  const auto made = wanted.to_json(kind, kDeployment);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(*made,
            *parse_json(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web","labels":{"tier":"front"}},
      "spec":{"selector":{"app":"web"},"ports":[
        {"port":80,"protocol":"TCP","targetPort":80,"name":"port-1"},
        {"port":53,"protocol":"UDP","targetPort":53,"name":"port-2"}]}})"));
  wanted.port = "8080";
  wanted.target_port = "http";
  const json::value exposed = *wanted.to_json(kind, kDeployment);
  EXPECT_EQ(*find(exposed, {"spec", "ports"}), *parse_json(R"([{"port":8080,"protocol":"TCP","targetPort":"http"}])"));
  for (const auto* port : {"0", "70000", "80x", "80,,"}) {
    wanted.port = port;
    EXPECT_THAT(wanted.to_json(kind, kDeployment).error().message(), HasSubstr("is no port")) << port;
  }
}

TEST(MadeObjects, WhatHasNoSelectorOfLabelsAndNoPortsIsNotExposed) {
  const auto& kind = model::info(Kind::Deployment);
  const auto error = [&](const char* spec) {
    return ExposedService()
        .to_json(kind, *parse_json(std::string(R"({"metadata":{"name":"a"},"spec":)") + spec + "}"))
        .error()
        .message();
  };
  EXPECT_THAT(error(R"({"selector":{"matchLabels":{"a":"b"}}})"), HasSubstr("couldn't find port via --port"));
  EXPECT_THAT(error(R"({"selector":{"matchExpressions":[{"key":"a","operator":"Exists"}]}})"),
              HasSubstr("couldn't convert expressions"));
  EXPECT_THAT(error("{}"), HasSubstr("cannot expose a Deployment"));
}

TEST(MadeObjects, ImagesAreChangedInContainersAndInitContainers) {
  const auto patch = [](std::vector<std::string> words) {
    const auto images = take_images(words);
    if (!images) return images.error().message();
    const auto made = image_patch(model::info(Kind::Deployment), kDeployment, *images);
    return made ? json::serialize(*made) : made.error().message();
  };
  EXPECT_EQ(patch({"web=c:2", "deploy/web"}),
            R"({"spec":{"template":{"spec":{"containers":[{"name":"web","image":"c:2"}]}}}})");
  EXPECT_EQ(patch({"*=a:1"}), R"({"spec":{"template":{"spec":{"containers":[{"name":"side","image":"a:1"}]}}}})");
  EXPECT_EQ(patch({"web=a:1"}), "{}");
  EXPECT_EQ(patch({"nginx=a:1"}), "unable to find container named \"nginx\"");
  EXPECT_EQ(patch({"deploy/web"}), "at least one image update is required");
  std::vector<std::string> words{"web=a:2"};
  EXPECT_THAT(image_patch(model::info(Kind::ConfigMap), json::object{}, *take_images(words)).error().message(),
              HasSubstr("has no containers"));
}

}  // namespace
}  // namespace berth::cli
