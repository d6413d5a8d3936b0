// tests/runtime/image_document_test.cpp - indexes, manifests, configs.
#include "runtime/image_document.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include "runtime/image_puller.hpp"

namespace berth::runtime {
namespace {

TEST(ChainId, OneLayerIsItsOwnAndMoreAreHashed) {
  EXPECT_EQ(chain_id({}), "");
  EXPECT_EQ(chain_id({"sha256:aa"}), "sha256:aa");
  // printf 'sha256:aa sha256:bb' | sha256sum
  EXPECT_EQ(chain_id({"sha256:aa", "sha256:bb"}),
            "sha256:b68ad689d6d1ec110ea1c13617437ad6f3766d4b3b309f6a603a222e07a0164f");
}

constexpr auto kIndex = R"({"schemaVersion":2,"manifests":[
  {"digest":"sha256:arm7","platform":{"os":"linux","architecture":"arm","variant":"v7"}},
  {"digest":"sha256:arm6","platform":{"os":"linux","architecture":"arm","variant":"v6"}},
  {"digest":"sha256:amd","platform":{"os":"linux","architecture":"amd64"}},
  {"digest":"sha256:amd3","platform":{"os":"linux","architecture":"amd64","variant":"v3"}},
  {"digest":"sha256:win","platform":{"os":"windows","architecture":"amd64"}},
  {"digest":"sha256:attestation","platform":{"os":"unknown","architecture":"unknown"}}]})";

TEST(ImageDocument, AnIndexLeadsToTheManifestsThatFitBestFirst) {
  EXPECT_EQ(parse_image_document(kIndex, {"linux", "amd64", ""})->manifests, std::vector<std::string>{"sha256:amd"});
  EXPECT_EQ(parse_image_document(kIndex, {"linux", "arm", "v7"})->manifests,
            (std::vector<std::string>{"sha256:arm7", "sha256:arm6"}));
  EXPECT_EQ(parse_image_document(kIndex, {"linux", "arm", "v6"})->manifests, std::vector<std::string>{"sha256:arm6"});
}

TEST(ImageDocument, AnIndexWithoutOurPlatformIsNotFound) {
  EXPECT_TRUE(failed_with(parse_image_document(kIndex, {"linux", "riscv64", ""}), ErrorCode::NotFound));
}

TEST(ImageDocument, AManifestLeadsToItsConfig) {
  const auto document = parse_image_document(R"({"config":{"digest":"sha256:cc"},"layers":[]})", {});
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(document->config, "sha256:cc");
  EXPECT_TRUE(failed_with(parse_image_document(R"({"schemaVersion":1})", {}), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(parse_image_document("<html>", {}), ErrorCode::InvalidArgument));
}

TEST(ImageDocument, AManifestSaysHowMuchItNames) {
  EXPECT_EQ(
      parse_image_document(R"({"config":{"digest":"sha256:cc","size":10},"layers":[{"size":200},{"size":3000}]})", {})
          ->bytes,
      3210U);
  EXPECT_EQ(
      parse_image_document(R"({"config":{"digest":"sha256:cc","size":-5},"layers":[{"size":"x"},{},7]})", {})->bytes,
      0U);
}

TEST(ImageConfig, IsReadWithEverythingAbsentOrNull) {
  const auto config = parse_image_config(
      R"({"config":{"User":"redis","Env":["A=1"],"Entrypoint":["e"],"Cmd":["c","d"],"WorkingDir":"/w"},
          "rootfs":{"type":"layers","diff_ids":["sha256:aa"]}})");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->user, "redis");
  EXPECT_EQ(config->entrypoint, std::vector<std::string>{"e"});
  EXPECT_EQ(config->cmd, (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(config->env, std::vector<std::string>{"A=1"});
  EXPECT_EQ(config->working_dir, "/w");
  EXPECT_EQ(config->chain_id, "sha256:aa");
  EXPECT_TRUE(parse_image_config(R"({"config":{"Env":null,"Cmd":null}})")->cmd.empty());
  EXPECT_TRUE(failed_with(parse_image_config("[]"), ErrorCode::InvalidArgument));
}

TEST(StopSignal, IsANameOrANumber) {
  EXPECT_EQ(parse_signal("SIGQUIT"), SIGQUIT);
  EXPECT_EQ(parse_signal("quit"), SIGQUIT);
  EXPECT_EQ(parse_signal("3"), 3);
  EXPECT_EQ(parse_signal("SIGRTMIN+3"), SIGRTMIN + 3);
  EXPECT_EQ(parse_signal("SIGRTMAX-1"), SIGRTMAX - 1);
  for (const auto* text : {"", "0", "65", "-1", "SIG", "SIGNOTHING", "3x", "SIGRTMIN+99", "SIGRTMIN+-1", "RTMIN+"}) {
    EXPECT_EQ(parse_signal(text), std::nullopt) << text;
  }
}

TEST(StopSignal, HasOneNameThatSaysTheSameNumber) {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    const auto name = signal_name(number);
    if (!name.empty()) EXPECT_EQ(parse_signal(name), number) << name;
  }
  EXPECT_EQ(signal_name(SIGTERM) + signal_name(SIGRTMIN) + signal_name(SIGRTMAX), "SIGTERMSIGRTMINSIGRTMAX");
  EXPECT_EQ(signal_name(SIGRTMIN + 15) + " " + signal_name(SIGRTMIN + 16), "SIGRTMIN+15 SIGRTMAX-14");
  for (const auto number : {-1, 0, SIGRTMAX + 1}) EXPECT_EQ(signal_name(number), "") << number;
}

TEST(StopSignal, IsReadFromTheImageAndIsSIGTERMOtherwise) {
  EXPECT_EQ(parse_image_config(R"({"config":{"StopSignal":"SIGQUIT"}})")->stop_signal, SIGQUIT);
  EXPECT_EQ(parse_image_config(R"({"config":{}})")->stop_signal, SIGTERM);
  EXPECT_EQ(parse_image_config(R"({"config":{"StopSignal":"nonsense"}})")->stop_signal, SIGTERM);
}

TEST(PullError, IsClassifiedByWhatTheRegistrySaid) {
  const auto code = [](const char* text) { return classify_pull_error(Error(ErrorCode::Unknown, text)).code(); };
  EXPECT_EQ(code("pulling from host r failed with status code [manifests 1]: 401 Unauthorized"),
            ErrorCode::Unauthenticated);
  EXPECT_EQ(code("pull access denied, repository does not exist or may require authorization: server message: "
                 "insufficient_scope: authorization failed"),
            ErrorCode::Unauthenticated);
  EXPECT_EQ(code("dial tcp 127.0.0.1:1: connect: connection refused"), ErrorCode::Unavailable);
  EXPECT_EQ(code("failed to resolve reference \"x\": x: not found"), ErrorCode::NotFound);
  EXPECT_EQ(code("write /var/lib: no space left on device"), ErrorCode::ResourceExhausted);
  EXPECT_EQ(code("something new"), ErrorCode::Unknown);
  EXPECT_EQ(classify_pull_error(Error(ErrorCode::NotFound, "401 Unauthorized")).code(), ErrorCode::NotFound);
}

}  // namespace
}  // namespace berth::runtime
