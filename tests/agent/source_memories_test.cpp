// tests/agent/source_memories_test.cpp - what stays of a source that is taken out of the configuration, and until when.
#include "agent/sources/source_memories.hpp"

#include <gtest/gtest.h>

#include "agent/sources/directory_judge.hpp"
#include "agent/sources/manifest_owner.hpp"
#include "agent/sources/source_set.hpp"
#include "tests/temp_dir.hpp"

namespace berth::agent {
namespace {

class SourceMemories : public testing::Test {
 protected:
  SourceMemories() {
    for (const auto* name : {"kept", "left", "gone"}) {
      const auto directory = dir_.path() / name;
      std::filesystem::create_directories(directory);
      EXPECT_TRUE(write_directory_memory(file_of(name), "directory:" + directory.native(),
                                         {.device = 1, .inode = 2, .manifests = {"web.yaml"}})
                      .ok());
    }
    // What the last berthd made of a source that the next one does not have.
    json::object raw{{"apiVersion", "v1"},
                     {"kind", "ConfigMap"},
                     {"metadata",
                      {{"name", "web"},
                       {"namespace", "default"},
                       {"annotations",
                        {{kSourceAnnotation, "here/directory:" + (dir_.path() / "left/web.yaml").native()},
                         {kSourceHashAnnotation, "1"}}}}}};
    EXPECT_TRUE(store::create_and_wait(*store_, *model::make_object(std::move(raw))).ok());
    config_.node_name = "here";
    config_.state_dir = dir_.path();
    config_.sources.emplace_back().directory = dir_.path() / "kept";
  }

  std::filesystem::path file_of(const std::string& name) const {
    return memory_file(dir_.path() / "sources", dir_.path() / name);
  }

  /// berthd starts, and reads what there is.
  void start() {
    const auto sources = make_source_set({.loop = loop_,
                                          .lane = *lane_,
                                          .store = *store_,
                                          .clock = clock_,
                                          .on_event = [](auto&&...) {},
                                          .on_status = [](auto&&) {}},
                                         config_);
    while (loop_.poll() != 0) {
    }
  }

  TempDir dir_;
  Loop loop_;
  SystemClock clock_;
  std::unique_ptr<Lane> lane_ = make_inline_lane();
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  Config config_;
  const model::ObjectKey web_{model::Kind::ConfigMap, "default", "web"};
};

TEST_F(SourceMemories, OneThatIsNotConfiguredIsForgottenWhenNothingIsLeftThatItMade) {
  start();
  EXPECT_TRUE(std::filesystem::exists(file_of("kept")));
  EXPECT_TRUE(std::filesystem::exists(file_of("left"))) << "what guards its objects when it comes back";
  EXPECT_FALSE(std::filesystem::exists(file_of("gone")));
  EXPECT_NE(store_->get(web_), nullptr) << "what a source made stays when it is taken out of the configuration";

  ASSERT_TRUE(store::remove_and_wait(*store_, web_, 0).ok());
  start();
  EXPECT_TRUE(std::filesystem::exists(file_of("kept")));
  EXPECT_FALSE(std::filesystem::exists(file_of("left")));
}

TEST_F(SourceMemories, OneThatComesBackEmptyIsNotBelieved) {
  start();
  config_.sources.emplace_back().directory = dir_.path() / "left";  // its file system is not mounted
  start();
  EXPECT_NE(store_->get(web_), nullptr);
}

TEST_F(SourceMemories, WhatIsNoMemoryGoesAndWhatIsBeingWrittenStays) {
  put(dir_.path() / "sources/broken.json", "{");
  put(dir_.path() / "sources/kept.json.new", "{");
  start();
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "sources/broken.json"));
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "sources/kept.json.new"));
}

}  // namespace
}  // namespace berth::agent
