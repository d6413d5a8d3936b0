// tests/model/yaml_reader_test.cpp - YAML to JSON as Kubernetes reads it, with lines and limits.
#include "model/yaml_reader.hpp"

#include <gtest/gtest.h>

namespace berth::model {
namespace {

std::string first(std::string_view text) {
  const auto stream = read_yaml(text, {});
  if (stream.failure) return std::to_string(stream.failure->line) + ": " + stream.failure->message;
  return stream.documents.empty() ? "nothing" : json::serialize(stream.documents.front().value);
}

TEST(YamlScalar, ResolvesAsKubernetesDoes) {
  const std::pair<const char*, const char*> cases[] = {
      {"yes", "true"},
      {"Off", "false"},
      {"y", "true"},
      {"True", "true"},
      {"tRue", R"("tRue")"},
      {"~", "null"},
      {"null", "null"},
      {"0644", "420"},
      {"0o644", "420"},
      {"08", "8"},
      {"0x1F", "31"},
      {"-0b101", "-5"},
      {"1_000", "1000"},
      {"12", "12"},
      {"+12", "12"},
      {"3.0", "3"},
      {"1e3", "1000"},
      {"1.5", "1.5E0"},
      {".5", "5E-1"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551615", "18446744073709551615"},
      {"1.2.3", R"("1.2.3")"},
      {"10.0.0.1", R"("10.0.0.1")"},
      {"2001-12-14", R"("2001-12-14")"},
      {"12:30", R"("12:30")"},
      {"-", R"("-")"},
      {"1e999", R"("1e999")"},
      {"0x", R"("0x")"},
      {"...x", R"("...x")"},
      {"64Mi", R"("64Mi")"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(json::serialize(resolve_plain_scalar(text)), expected) << text;
}

TEST(YamlReader, ReadsTheFormsThatManifestsUse) {
  const std::pair<const char*, const char*> cases[] = {
      {"a: 'yes'\nb: \"1\"\nc: !!str 5\nd: no\n", R"({"a":"yes","b":"1","c":"5","d":false})"},
      {"a: |\n  x\n  y\nb: >-\n  p\n  q\n", R"({"a":"x\ny\n","b":"p q"})"},
      {"a: &x {b: 1}\nc: *x\n", R"({"a":{"b":1},"c":{"b":1}})"},
      {"a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n", R"({"a":{"b":1,"c":2},"d":{"c":3,"b":1}})"},
      {"d:\n  c: 3\n  <<: [{c: 1, e: 1}, {e: 2}]\n", R"({"d":{"c":3,"e":1}})"},
      {"1: a\nyes: b\n1.50: c\n", R"({"1":"a","true":"b","1.5":"c"})"},
      {R"({"a": [1, 2.5, true, null, "x\/y"]})", R"({"a":[1,2.5E0,true,null,"x/y"]})"},
      {R"({"smile": "\ud83d\ude00"})", "{\"smile\":\"\xF0\x9F\x98\x80\"}"},
      {"{\n\t\"a\": {\n\t\t\"b\": 1\n\t}\n}\n", R"({"a":{"b":1}})"},
      {"a: !!binary aGVsbG8=\n", R"({"a":"hello"})"},
      {"- image: ...\n", R"([{"image":"..."}])"},
      {"\xEF\xBB\xBF"
       "a: 1\n",
       R"({"a":1})"},
      {"a:\nb: ''\n", R"({"a":null,"b":""})"},
      {"# only a comment\n", "nothing"},
      {"", "nothing"},
      {"---\n---\n...\n", "nothing"},
      {"a: 1\r\nb: 2\r\n", R"({"a":1,"b":2})"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(first(text), expected) << text;
}

TEST(YamlReader, ErrorsCarryTheirLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"a:\n\tb: 1\n", "2: "},
      {"a: [1, 2\n", "2: "},
      {"a: 1\n b: 2\n", "2: "},
      {"x: *nowhere\n", "1: "},
      {"a: &x [*x]\n", "1: an alias inside the value that it names"},
      {"? [a]\n: b\n", "1: a key must be a scalar, not null, a list or a mapping"},
      {"~: b\n", "1: a key must be a scalar, not null, a list or a mapping"},
      {"<<: 5\n", "1: << needs a mapping or a list of mappings"},
      {"a: .inf\n", "1: \".inf\" has no place in JSON"},
      {"a: !!int x\n", "1: cannot read \"x\" as !!int"},
      {"a: !!binary '*'\n", "1: !!binary: not base64 (RFC 4648)"},
      {"a: 1\nb: \xff\n", "2: not UTF-8 text"},
  };
  for (const auto& [text, expected] : cases) {
    const auto found = first(text);
    EXPECT_TRUE(found.starts_with(expected)) << text << "gave: " << found;
  }
}

TEST(YamlReader, AByteOrderMarkMayBeginAnyDocument) {
  for (const auto* text : {"\xef\xbb\xbf"
                           "a: 1\n---\nb: 2\n",
                           "a: 1\n---\n\xef\xbb\xbf"
                           "b: 2\n",
                           "a: 1\n\xef\xbb\xbf---\nb: 2\n", "a: 1\n---\n# c\n\xef\xbb\xbf# d\nb: 2\n"}) {
    const auto stream = read_yaml(text, {});
    EXPECT_FALSE(stream.failure.has_value()) << text << (stream.failure ? stream.failure->message : "");
    ASSERT_EQ(stream.documents.size(), 2U) << text;
    EXPECT_EQ(json::serialize(stream.documents[0].value), R"({"a":1})") << text;
    EXPECT_EQ(json::serialize(stream.documents[1].value), R"({"b":2})") << text;
  }
  // Inside a value it is what it is.
  EXPECT_EQ(first("a: '\xef\xbb\xbf'\n"), "{\"a\":\"\xef\xbb\xbf\"}");
}

TEST(YamlReader, OtherEncodingsAreNamedWithTheWayOut) {
  using namespace std::string_view_literals;
  const std::pair<std::string_view, const char*> cases[] = {
      {"\xff\xfe"
       "a\0:\0 \0001\0"sv,
       "UTF-16LE"},
      {"\xfe\xff\0a\0:\0 \0001"sv, "UTF-16BE"},
      {"a\0:\0 \0001\0"sv, "UTF-16LE"},
      {"\0a\0:\0 \0001"sv, "UTF-16BE"},
      {"\xff\xfe\0\0a\0\0\0"sv, "UTF-32LE"},
  };
  for (const auto& [text, name] : cases) {
    EXPECT_EQ(first(text), std::string("1: this is ") + name +
                               " text; manifests are UTF-8: convert it, for example with `iconv -f " + name +
                               " -t UTF-8`");
  }
  EXPECT_EQ(first("a: x\nb: \0\n"sv), "2: a NUL character has no place in text");
}

TEST(YamlReader, ABillionLaughsIsRefusedQuickly) {
  std::string text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 12; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) text += ", " + before;
    text += "]\n";
  }
  EXPECT_TRUE(first(text).ends_with("more than 200000 values")) << first(text);
  const std::string big(500'000, 'x');
  std::string copies = "a: &a " + big + "\nb:\n";
  for (int i = 0; i < 40; ++i) copies += "- *a\n";
  EXPECT_TRUE(first(copies).ends_with("bytes once aliases are expanded")) << first(copies).substr(0, 80);
}

TEST(YamlReader, DeepNestingIsRefusedNotRecursedInto) {
  const auto nested = [](std::string_view open, std::string_view close, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += open;
    for (int i = 0; i < times; ++i) text += close;
    return text;
  };
  EXPECT_EQ(first(nested("[", "]", 64)).find("deeper"), std::string::npos);
  EXPECT_TRUE(first(nested("[", "]", 65)).ends_with("nested deeper than 64"));
  EXPECT_TRUE(first(nested("[", "]", 100'000)).ends_with("nested deeper than 64"));
  EXPECT_TRUE(first(nested("{\"a\": ", "}", 100'000)).ends_with("nested deeper than 64"));
  for (const auto* open : {"[", "{", "- ", "? ", "&a ["}) {
    EXPECT_TRUE(read_yaml(nested(open, "", 100'000), {}).failure) << open;
  }
  std::string block;
  for (int i = 0; i < 100; ++i) block += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_TRUE(first(block).ends_with("nested deeper than 64")) << first(block);
}

TEST(YamlReader, TooManyBytesNameTheLimit) {
  const auto stream = read_yaml("a: 1", {3, 64, 100});
  ASSERT_TRUE(stream.failure);
  EXPECT_EQ(stream.failure->message, "4 bytes: larger than the limit of 3");
}

TEST(LineNode, FindsTheClosestWrittenField) {
  const auto stream =
      read_yaml("spec:\n  containers:\n  - name: a\n  -\n    name: b\n    env: [{name: X}]\n  \"x.y/z\": 1\n", {});
  ASSERT_EQ(stream.documents.size(), 1U);
  const auto& lines = stream.documents.front().lines;
  EXPECT_EQ(lines.line_of("spec"), 1);
  EXPECT_EQ(lines.line_of("spec.containers"), 2);
  EXPECT_EQ(lines.line_of("spec.containers[0].name"), 3);
  EXPECT_EQ(lines.line_of("spec.containers[0].image"), 3) << "the container's own line";
  EXPECT_EQ(lines.line_of("spec.containers[1].name"), 5);
  EXPECT_EQ(lines.line_of("spec.containers[1].env[0].name"), 6);
  EXPECT_EQ(lines.line_of("spec.containers[7].name"), 2);
  EXPECT_EQ(lines.line_of("spec[\"x.y/z\"]"), 7);
  EXPECT_EQ(lines.line_of("metadata.name"), 1);
  EXPECT_EQ(lines.line_of("spec[\"unclosed"), 1);
  EXPECT_EQ(lines.line_of("[[[["), 1);
}

}  // namespace
}  // namespace berth::model
