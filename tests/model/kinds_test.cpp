// tests/model/kinds_test.cpp - the table of kinds: complete, in order, told apart; what a row says is what is done.
#include <gtest/gtest.h>

#include <set>

#include "model/deletion.hpp"
#include "model/kind_row.hpp"
#include "model/schema_types.hpp"

namespace berth::model {
namespace {

TEST(Kinds, EveryRowIsAtItsPlaceAndItsNamesAreItsOwn) {
  std::set<std::string_view> words;
  std::size_t index = 0;
  for (const auto& kind : all_kinds()) {
    EXPECT_EQ(static_cast<std::size_t>(kind.kind), index++) << kind.name;
    EXPECT_EQ(info(kind.kind).name, kind.name);
    EXPECT_EQ(kind_named(kind.name), &info(kind.kind)) << kind.name;
    for (const auto word : std::set{kind.plural, kind.singular, kind.short_names}) {
      if (word.empty()) continue;
      EXPECT_TRUE(words.insert(word).second) << word << " is said of two kinds";
      EXPECT_EQ(find_kind(word)->kind, kind.kind) << word;
    }
    EXPECT_NE(row(kind.kind).name_error, nullptr);
    // The fields of the table of types fit what the row says.
    const auto& type = schema_type(kind.kind);
    EXPECT_NE(type.find("metadata"), nullptr);
    EXPECT_TRUE(!kind.has_status || type.find("status") != nullptr) << kind.name;
    EXPECT_EQ(deletes_gracefully(kind.kind), kind.deletes_gracefully);
  }
  EXPECT_EQ(kind_named("statefulset"), nullptr);
  EXPECT_EQ(kind_named(""), nullptr);
}

TEST(MakeObject, TellsAKindThatIsNotKnownFromAnObjectThatIsBroken) {
  const auto code = [](std::string_view text) { return make_object(parse_json(text)->get_object()).error().code(); };
  EXPECT_EQ(code(R"({"apiVersion":"v1","kind":"Lemon","metadata":{"name":"a"}})"), ErrorCode::Unimplemented);
  EXPECT_EQ(code(R"({"apiVersion":"apps/v9","kind":"StatefulSet","metadata":{"name":"a","namespace":"b"}})"),
            ErrorCode::Unimplemented);
  EXPECT_EQ(code(R"({"apiVersion":"v1","kind":"Lemon","metadata":7})"), ErrorCode::Unimplemented);
  EXPECT_EQ(code(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}})"), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(R"({"apiVersion":"v1","kind":"Pod","metadata":7})"), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(R"({"apiVersion":"v1","metadata":{"name":"a"}})"), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("{}"), ErrorCode::InvalidArgument);
}

TEST(Deletion, NoGraceIsSoLongThatTimeEnds) {
  const auto now = *parse_rfc3339("2026-11-28T12:00:00Z");
  for (const auto grace : {std::numeric_limits<std::int64_t>::max(), std::int64_t{9'300'000'000}}) {
    json::object raw{{"spec", {{"terminationGracePeriodSeconds", grace}}}};
    ASSERT_TRUE(mark_deleted(Kind::Pod, raw, std::nullopt, now));
    EXPECT_EQ(raw.at("metadata").at("deletionTimestamp"), "2126-11-04T12:00:00Z");
    EXPECT_EQ(raw.at("metadata").at("deletionGracePeriodSeconds"), grace);
  }
  json::object raw;
  ASSERT_TRUE(mark_deleted(Kind::Pod, raw, std::numeric_limits<std::int64_t>::min(), now));
  EXPECT_EQ(raw.at("metadata").at("deletionTimestamp"), "2026-11-28T12:00:00Z");
}

TEST(BoundedSeconds, MayBeAddedToAnyTimeTwice) {
  const auto most = bounded_seconds(std::numeric_limits<std::int64_t>::max());
  const auto now = *parse_rfc3339("2026-11-28T12:00:00Z");
  EXPECT_GT(now + most + most, now);
  EXPECT_LT(now + bounded_seconds(std::numeric_limits<std::int64_t>::min()), now);
  EXPECT_EQ(bounded_seconds(30).count(), 30);
}

}  // namespace
}  // namespace berth::model
