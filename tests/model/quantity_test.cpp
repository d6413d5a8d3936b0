// tests/model/quantity_test.cpp - quantities: exact thousandths, rounded up.
#include "model/quantity.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace berth::model {
namespace {

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

struct Case {
  const char* text;
  std::int64_t milli;
  std::int64_t value;
};

TEST(Quantity, ReadsEverySuffixExactly) {
  const Case cases[] = {
      {"0", 0, 0},
      {"1", 1000, 1},
      {"250m", 250, 1},
      {"1.5", 1500, 2},
      {".5", 500, 1},
      {"5.", 5000, 5},
      {"+2", 2000, 2},
      {"-1500m", -1500, -2},
      {"1k", 1'000'000, 1000},
      {"1Ki", 1'024'000, 1024},
      {"64Mi", 67'108'864'000, 67'108'864},
      {"1.5Gi", 1'610'612'736'000, 1'610'612'736},
      {"2e3", 2'000'000, 2000},
      {"2E3", 2'000'000, 2000},
      {"12e-1", 1200, 2},
      {"1n", 1, 1},
      {"999u", 1, 1},
      {"0.0001", 1, 1},
      {"10Pi", kMost, 11'258'999'068'426'240},  // filers that promise everything
      {"1E", kMost, 1'000'000'000'000'000'000},
      {"-1E", -kMost, -1'000'000'000'000'000'000},
      {"9223372036854775807", kMost, kMost},
      {"8Ei", kMost, kMost},  // what is more than there is, is that
      {"9e30", kMost, kMost},
      {"1e999", kMost, kMost},
      {"99999999999999999999", kMost, kMost},
      {"-99999999999999999999", -kMost, -kMost},
      {"12345678901234567890123n", 12'345'678'901'234'568, 12'345'678'901'235},
  };
  for (const auto& one : cases) {
    const auto parsed = Quantity::parse(one.text);
    ASSERT_TRUE(parsed.ok()) << one.text;
    EXPECT_EQ(parsed->milli(), one.milli) << one.text;
    EXPECT_EQ(parsed->value(), one.value) << one.text;
    EXPECT_EQ(parsed->text(), one.text);
  }
}

TEST(Quantity, RefusesWhatIsNotOne) {
  for (const auto* text :
       {"", " ", "m", "1 Gi", "1gi", "1KB", "--1", "1..2", "1e", "1e+", "0x10", "1,5", "nan", "1m1"}) {
    EXPECT_FALSE(Quantity::parse(text).ok()) << text;
  }
}

TEST(Quantity, LongFractionsRoundUpAndDoNotOverflow) {
  EXPECT_EQ(Quantity::parse("1.00000000000000000000000000001")->milli(), 1001);
  EXPECT_EQ(Quantity::parse("0." + std::string(500, '0') + "1")->milli(), 1);
  EXPECT_EQ(Quantity::parse("1e-300")->milli(), 1);
}

TEST(Quantity, ComparesByAmountNotByText) {
  EXPECT_EQ(*Quantity::parse("1000m"), *Quantity::parse("1"));
  EXPECT_LT(*Quantity::parse("1G"), *Quantity::parse("1Gi"));
  EXPECT_LT(*Quantity::parse("9Pi"), *Quantity::parse("10Pi"));  // both beyond 2^63 thousandths
  EXPECT_LT(*Quantity::parse("-1500m"), *Quantity::parse("-1200m"));
  EXPECT_LT(*Quantity::parse("-1m"), Quantity());
  EXPECT_GT(*Quantity::parse("1m"), Quantity());
}

TEST(Quantity, HasOneTextAsKubernetesWritesIt) {
  const std::array<const char*, 3> cases[] = {
      // written, in a list of resources, elsewhere
      {"0.5", "500m", "500m"},
      {"1000m", "1", "1"},
      {"1500m", "1500m", "1500m"},
      {"1.5", "1500m", "1500m"},
      {"2000", "2k", "2k"},
      {"1024Mi", "1Gi", "1Gi"},
      {"1.5Gi", "1536Mi", "1536Mi"},
      {"512Ki", "512Ki", "512Ki"},
      {"1000Ki", "1000Ki", "1000Ki"},
      {"1023", "1023", "1023"},
      {"0.5Ki", "512", "512"},
      {"0.0001Ki", "103m", "102400u"},
      {"0Gi", "0", "0"},
      {"0", "0", "0"},
      {"+5", "5", "5"},
      {"-1.5", "-1500m", "-1500m"},
      {"1e3", "1e3", "1e3"},
      {"12e4", "120e3", "120e3"},
      {"1E3", "1e3", "1e3"},
      {"5e-1", "500e-3", "500e-3"},
      {"1u", "1m", "1u"},
      {"1n", "1m", "1n"},
      {"0.0000000001", "1m", "1n"},
      {"100000000", "100M", "100M"},
      {"128974848", "128974848", "128974848"},
      {"129e6", "129e6", "129e6"},
      {"123Mi", "123Mi", "123Mi"},
      {"9Pi", "9Pi", "9Pi"},
      {"1Ei", "1Ei", "1Ei"},
      {"20Ei", "9223372036854775807", "9223372036854775807"},
      {"", "", ""},
      {"1x", "", ""},
  };
  for (const auto& [text, milli, nano] : cases) {
    EXPECT_EQ(canonical_quantity(text, QuantityStep::Milli).value_or(""), milli) << text;
    EXPECT_EQ(canonical_quantity(text, QuantityStep::Nano).value_or(""), nano) << text;
  }
}

}  // namespace
}  // namespace berth::model
