// tests/cli/bundle_redact_test.cpp - nothing that is secret leaves with a support bundle, whatever form it has.
#include <gtest/gtest.h>

#include "cli/backup_file.hpp"
#include "cli/bundle_archive.hpp"
#include "cli/bundle_redact.hpp"

namespace berth::cli {
namespace {

json::object parse(std::string_view text) { return parse_json(text)->get_object(); }

TEST(Redactor, ValuesThatAreKnownAreFoundInEveryForm) {
  Redactor redactor;
  redactor.add_secret("hunter2-of-mongo");
  redactor.add_secret("two\nlines that matter");
  redactor.add_secret("abc");
  EXPECT_EQ(redactor.text("say hunter2-of-mongo aloud\n"), "say <left out> aloud\n");
  EXPECT_EQ(redactor.text("x: aHVudGVyMi1vZi1tb25nbw==\n"), "x: <left out>\n") << "as base64";
  EXPECT_EQ(redactor.text("{\"x\":\"two\\nlines that matter\"}\n"), "{\"x\":\"<left out>\"}\n") << "as JSON";
  EXPECT_EQ(redactor.text("only lines that matter\n"), "only <left out>\n");
  EXPECT_EQ(redactor.text("abc\n"), "abc\n") << "too common to be looked for";
}

TEST(Redactor, OfTwoTheLongerIsReplacedWhole) {
  Redactor redactor;
  redactor.add_secret("word");
  redactor.add_secret("wordiest");
  EXPECT_EQ(redactor.text("wordiest"), "<left out>\n");
}

TEST(Redactor, WhatHasTheFormOfASecretIsLeftOut) {
  const Redactor redactor;
  struct Case {
    std::string_view given, expected;
  };
  for (const auto& c : {
           Case{"url:https://joe:pw@host/x", "url:https://<left out>@host/x"},
           Case{"get https://host/x?token=t&a=b now", "get https://host/x?<left out> now"},
           Case{"get https://joe:pw@host/x?token=t now", "get https://<left out>@host/x?<left out> now"},
           Case{"Authorization: Bearer abc.def-ghi", "Authorization: Bearer <left out>"},
           Case{"mount -o user=u,password=p4ss,ro", "mount -o user=u,password=<left out>,ro"},
           Case{"-----BEGIN EC PRIVATE KEY-----\nAAAA\nBBBB\n-----END EC PRIVATE KEY-----\nafter", "<left out>\nafter"},
           Case{"nothing here: at all", "nothing here: at all"},
           Case{"image registry/app@sha256:0123 of docker.io", "image registry/app@sha256:0123 of docker.io"},
       }) {
    EXPECT_EQ(redactor.text(std::string(c.given)), std::string(c.expected) + '\n');
  }
}

TEST(Redactor, ConfigurationKeepsNamesOfFilesAndLosesValues) {
  const Redactor redactor;
  EXPECT_EQ(redactor.configuration(
                "tokenFile: /etc/berth/tokens\npassword: x\n  clientSecret: \"y\"\nTOKEN=z\nnodeName: a\n"),
            "tokenFile: /etc/berth/tokens\npassword: <left out>\n  clientSecret: <left out>\nTOKEN=<left "
            "out>\nnodeName: a\n");
}

TEST(WithoutSecrets, DataEnvironmentsCommandsAndAnnotationsAreLeftOutAndTheRestStays) {
  const auto object = without_secrets(parse(R"({"kind":"Pod","metadata":{"name":"p","managedFields":[1],
      "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"PLANTED","berth.io/source":"x"}},
      "spec":{"nodeName":"n","containers":[{"name":"c","image":"i","command":["sh","PLANTED"],"args":["PLANTED"],
      "env":[{"name":"A","value":"PLANTED"},{"name":"B","valueFrom":{"fieldRef":{"fieldPath":"spec.nodeName"}}}],
      "livenessProbe":{"exec":{"command":["PLANTED"]},"httpGet":{"httpHeaders":[{"name":"H","value":"PLANTED"}]}}}]},
      "status":{"containerStatuses":[{"lastState":{"terminated":{"exitCode":3,"message":"PLANTED"}},
      "state":{"waiting":{"message":"kept"}}}]}})"));
  const auto text = json::serialize(object);
  EXPECT_EQ(text.find("PLANTED"), std::string::npos) << text;
  for (const auto* kept : {R"("name":"A","value":"<left out: 7 bytes>")", R"("fieldPath":"spec.nodeName")",
                           R"("image":"i")", R"("command":"<left out: 2 words>")", R"("berth.io/source":"x")",
                           R"("exitCode":3)", R"("message":"kept")", R"("nodeName":"n")"}) {
    EXPECT_NE(text.find(kept), std::string::npos) << kept << " in " << text;
  }
  EXPECT_EQ(text.find("managedFields"), std::string::npos);
}

TEST(WithoutSecrets, OfSecretsAndConfigMapsOnlyTheKeysAreThereAndRevisionsKeepTheirTemplate) {
  for (const auto* kind : {"Secret", "ConfigMap"}) {
    const auto object = without_secrets(
        parse(std::string(R"({"kind":")") + kind +
              R"(","data":{"a":"PLANTED"},"stringData":{"b":"PLANTED"},"binaryData":{"c":"PLANTED"}})"));
    EXPECT_EQ(json::serialize(object),
              std::string(R"({"kind":")") + kind +
                  R"(","data":{"a":"<left out: 7 bytes>"},"stringData":{"b":"<left out: 7 bytes>"},)"
                  R"("binaryData":{"c":"<left out: 7 bytes>"}})");
  }
  const auto revision = without_secrets(parse(
      R"({"kind":"ControllerRevision","data":{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"PLANTED"}]}]}}}}})"));
  EXPECT_NE(json::serialize(revision).find(R"("name":"c")"), std::string::npos);
  EXPECT_EQ(json::serialize(revision).find("PLANTED"), std::string::npos);
}

TEST(SecretEnvironment, IsToldByItsName) {
  const json::value object = parse(R"({"spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"one"},
      {"name":"HOME","value":"/"},{"name":"apiToken","value":"two"}]}]}})");
  EXPECT_EQ(secret_environment(object), (std::vector<std::string>{"one", "two"}));
}

TEST(BundleArchive, WhatTakesTheBytesMayRefuseThem) {
  std::string all;
  BundleArchive good("folder", [&all](std::string_view bytes) {
    all += bytes;
    return Status(Ok{});
  });
  ASSERT_TRUE(good.add("a.txt", "hello").ok());
  ASSERT_TRUE(good.finish().ok());
  EXPECT_EQ(all.substr(0, 2), "\x1f\x8b") << "gzip";
  BundleArchive full("folder", [](std::string_view) { return Status(Error(ErrorCode::ResourceExhausted, "full")); });
  static_cast<void>(full.add("a.txt", "hello"));
  EXPECT_EQ(full.finish().error().code(), ErrorCode::ResourceExhausted);
}

TEST(DatabaseSize, IsWhatTheHeadSays) {
  std::string head("SQLite format 3\0", 16);
  head.resize(kDatabaseHead);
  head[16] = 0x10;  // pages of 4096 bytes
  head[31] = 3;
  EXPECT_EQ(database_size(head), 3U * 4096U);
  head[16] = 0;
  head[17] = 1;  // 65536
  EXPECT_EQ(database_size(head), 3U * 65536U);
  EXPECT_EQ(database_size(head.substr(0, 99)), 0U);
  EXPECT_EQ(database_size(std::string(100, 'x')), 0U);
}

}  // namespace
}  // namespace berth::cli
