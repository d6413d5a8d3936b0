// tests/store/kept_object_test.cpp - what was packed is read as it was.
#include "store/kept_object.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace berth::store {
namespace {

using model::Object;

Object pod(int number, const std::string& more = "") {
  auto raw =
      parse_json(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"web-{0}","namespace":"default",
        "uid":"uid-{0}","labels":{{"app":"web"}},"resourceVersion":"{0}"}},"spec":{{"nodeName":"n{0}",
        "containers":[{{"name":"c","image":"x","args":["{1}"]}}]}},"status":{{"load":0.1,"large":9223372036854775807,
        "nothing":null}}}})",
                             number, more));
  return *model::make_object(raw->get_object());
}

void expect_same(const model::ObjectPtr& read, const Object& object) {
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->key(), object.key());
  EXPECT_EQ(read->raw, object.raw);
  EXPECT_EQ(read->meta.uid, object.meta.uid);
  EXPECT_EQ(read->meta.labels, object.meta.labels);
  EXPECT_EQ(read->meta.resource_version, object.meta.resource_version);
}

TEST(KeptObject, NoneIsNull) {
  EXPECT_EQ(KeptObject().get(), nullptr);
  EXPECT_EQ(KeptObject(model::ObjectPtr()).get(), nullptr);
  EXPECT_EQ(KeptObject().resource_version(), 0U);
}

TEST(KeptObject, AWholeOneIsTheSameEachTime) {
  const auto object = std::make_shared<const Object>(pod(7));
  const KeptObject kept(object);
  EXPECT_EQ(kept.get(), object);
  EXPECT_EQ(kept.resource_version(), 7U);
}

TEST(KeptObject, APackedOneIsMadeAnewAsItWasAndSharedByThoseWhoHaveIt) {
  ObjectPacker packer;
  const auto kept = packer.pack(pod(7));
  EXPECT_EQ(kept.resource_version(), 7U);
  expect_same(kept.get(), pod(7));
  std::weak_ptr<const Object> gone = kept.get();
  EXPECT_EQ(gone.lock(), nullptr) << "nobody holds it but who reads it";
  const auto held = kept.get();
  EXPECT_EQ(kept.get(), held);
  EXPECT_EQ(KeptObject(kept).get(), held);
}

TEST(KeptObject, OneThatWasReadAloneIsNoOtherReadersAndOneThatAReaderHasIsReadByNobodyTwice) {
  ObjectPacker packer;
  const auto kept = packer.pack(pod(7));
  const auto alone = kept.get_alone();
  expect_same(alone, pod(7));
  const auto held = kept.get();
  EXPECT_NE(held, alone);
  EXPECT_EQ(kept.get_alone(), held);
  const auto whole = std::make_shared<const Object>(pod(7));
  EXPECT_EQ(KeptObject(whole).get_alone(), whole);
  EXPECT_EQ(KeptObject().get_alone(), nullptr);
}

TEST(KeptObject, TheFirstTheLikeAndTheUnlikeAreAllReadAsTheyWere) {
  // Text that nothing else is like, so that the dictionary is given up now and then; one larger than deflate's window.
  std::minstd_rand random(1);
  const auto noise = [&](std::size_t size) {
    std::string text(size, ' ');
    for (auto& each : text) each = static_cast<char>('!' + 2 + random() % 50);
    return text;
  };
  ObjectPacker packer;
  std::vector<Object> objects;
  std::vector<KeptObject> kept;
  for (int i = 0; i < 300; ++i) {
    objects.push_back(pod(i, i == 150 ? std::string(100'000, 'a') + noise(100'000) : i % 3 == 0 ? noise(2'000) : ""));
    kept.push_back(packer.pack(objects.back()));
  }
  for (std::size_t i = 0; i < objects.size(); ++i) expect_same(kept[i].get(), objects[i]);
}

TEST(KeptObject, WhatFillsTheWindowOfDeflateToTheLastByteIsReadAsItWas) {
  for (std::size_t window = 512; window <= 65'536; window *= 2) {
    for (std::size_t size = window - 300; size <= window + 4; size += 8) {
      ObjectPacker packer;
      // The dictionary is about as large as the text, and both together as the window.
      const auto first = pod(1, std::string(size / 2, 'a'));
      const auto second = pod(2, std::string(size / 2, 'a'));
      packer.pack(first);
      ASSERT_EQ(packer.pack(second).get()->raw, second.raw) << size;
    }
  }
}

}  // namespace
}  // namespace berth::store
