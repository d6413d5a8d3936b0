// tests/agent/stranger_notes_test.cpp - what other hosts hear of strangers, and which names they hold back for that.
#include "agent/stranger_notes.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

using model::Kind;

class StrangerNotes : public testing::Test {
 protected:
  static model::Stranger stranger(const std::string& name) {
    return {.uid = "uid-" + name, .ns = "default", .name = name};
  }
  static model::Pod pod(const std::string& name, const std::string& uid = "new", const std::string& ns = "default") {
    model::Pod out;
    out.meta.ns = ns;
    out.meta.name = name;
    out.meta.uid = uid;
    return out;
  }
  static store::Change told(store::ChangeType type, json::object raw, model::ObjectPtr previous = nullptr) {
    auto object = model::make_object(std::move(raw));
    EXPECT_TRUE(object);
    return {type, std::make_shared<const model::Object>(*std::move(object)), std::move(previous), 1};
  }
  static json::object node(const std::string& name) {
    return {{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", name}, {"uid", name}}}};
  }

  ObjectCache cache;
};

TEST_F(StrangerNotes, HoldANameBackOnEveryOtherHostUntilTheNodeIsGone) {
  auto raw = node("n2");
  ASSERT_TRUE(note_strangers(raw, {stranger("db-0"), stranger("agent-x7k2p")}));
  EXPECT_FALSE(note_strangers(raw, {stranger("db-0"), stranger("agent-x7k2p")})) << "said already";
  const auto there = told(store::ChangeType::Added, raw);
  EXPECT_TRUE(notes_otherwise(there));
  cache.apply(there);
  EXPECT_EQ(node_of_stranger(pod("db-0"), cache, "n1"), "n2");
  EXPECT_EQ(node_of_stranger(pod("db-0", "uid-db-0"), cache, "n1"), "") << "it has its object again";
  EXPECT_EQ(node_of_stranger(pod("db-0", "new", "prod"), cache, "n1"), "");
  EXPECT_EQ(node_of_stranger(pod("db-1"), cache, "n1"), "");
  EXPECT_EQ(node_of_stranger(pod("db-0"), cache, "n2"), "") << "what is here is known better";

  auto labeled = raw;
  labeled["metadata"].get_object()["labels"] = {{"zone", "a"}};
  EXPECT_FALSE(notes_otherwise(told(store::ChangeType::Modified, labeled, there.object)));
  const auto gone = told(store::ChangeType::Deleted, raw, there.object);
  EXPECT_TRUE(notes_otherwise(gone));
  cache.apply(gone);
  EXPECT_EQ(node_of_stranger(pod("db-0"), cache, "n1"), "");
}

TEST_F(StrangerNotes, AreTakenAwayWhenThereAreNoneAndAreOnlySoMany) {
  auto raw = node("n2");
  EXPECT_FALSE(note_strangers(raw, {})) << "nothing is written where nothing is to be said";
  EXPECT_EQ(raw, node("n2"));
  ASSERT_TRUE(note_strangers(raw, {stranger("db-0")}));
  ASSERT_TRUE(note_strangers(raw, {}));
  EXPECT_FALSE(raw["metadata"].at("annotations").get_object().contains(kStrangerNote));

  std::vector<model::Stranger> many;
  for (std::size_t i = 0; i < 3 * kMostNoted; ++i) many.push_back(stranger("db-" + std::to_string(i)));
  ASSERT_TRUE(note_strangers(raw, many));
  EXPECT_LT(raw["metadata"].at("annotations").at(kStrangerNote).get_string().size(), kMostNoted * 400);
}

TEST_F(StrangerNotes, ANoteThatNobodyUnderstandsHoldsNothingBack) {
  auto raw = node("n2");
  for (const auto* text : {"", "{", "{}", "[1]", R"([{"name":7}])"}) {
    raw["metadata"].get_object()["annotations"] = {{kStrangerNote, text}};
    cache.apply(told(store::ChangeType::Added, raw));
    EXPECT_EQ(node_of_stranger(pod("db-0"), cache, "n1"), "") << text;
  }
}

}  // namespace
}  // namespace berth::agent
