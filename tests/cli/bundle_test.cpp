// tests/cli/bundle_test.cpp - a support bundle: nothing secret in any file, and nothing looked at that may hang.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "cli/bundle_archive.hpp"
#include "cli/bundle_listing.hpp"
#include "cli/bundle_writer.hpp"
#include "tests/temp_dir.hpp"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

std::string unpack(std::string packed) {
  z_stream z{};
  EXPECT_EQ(inflateInit2(&z, 15 + 16), Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(packed.data());
  z.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  auto state = Z_OK;
  while (state == Z_OK) {
    std::array<char, 65536> part{};
    z.next_out = reinterpret_cast<Bytef*>(part.data());
    z.avail_out = static_cast<uInt>(part.size());
    state = inflate(&z, Z_NO_FLUSH);
    out.append(part.data(), part.size() - z.avail_out);
  }
  EXPECT_EQ(state, Z_STREAM_END);
  inflateEnd(&z);
  return out;
}

class BundleWriterTest : public testing::Test {
 protected:
  std::string finish() {
    EXPECT_TRUE(out.finish().ok());
    return unpack(packed);
  }

  TempDir temp;
  std::string packed;
  BundleArchive archive{"folder", [this](std::string_view bytes) -> Status {
                          packed += bytes;
                          return Ok{};
                        }};
  BundleWriter out{archive};
};

TEST_F(BundleWriterTest, WhateverIsAddedGoesThroughTheSieve) {
  out.add_secret("hunter2-of-mongo");
  out.add("status.txt", "the token is hunter2-of-mongo, says somebody");
  std::ofstream(temp.path() / "file") << "hunter2-of-mongo";
  out.add_file("file.txt", temp.path() / "file");
  EXPECT_TRUE(out.add_program("program.txt", {"echo", "hunter2-of-mongo"}));
  out.add_configuration("config.txt", "password: another-one\nname: web");
  const auto all = finish();
  EXPECT_THAT(all, HasSubstr("says somebody"));
  EXPECT_THAT(all, HasSubstr("folder/program.txt"));
  EXPECT_THAT(all, HasSubstr("name: web"));
  EXPECT_THAT(all, Not(HasSubstr("hunter2")));
  EXPECT_THAT(all, Not(HasSubstr("another-one")));
}

TEST_F(BundleWriterTest, WhatIsNotToBeHadIsALineOfTheReadme) {
  EXPECT_FALSE(out.add_program("a.txt", {"false"}));
  EXPECT_FALSE(out.add_program("b.txt", {"/nonexistent/program"}));
  out.add_file("c.txt", temp.path() / "nothing");
  const auto all = finish();
  for (const auto* line : {"Not to be had:\n", "a.txt: false: ended with 1\n", "\nb.txt: ", "\nc.txt: "}) {
    EXPECT_THAT(all, HasSubstr(line));
  }
}

TEST_F(BundleWriterTest, AFileThatIsVeryLongIsCutAndSaysSo) {
  out.add("long.txt", std::string(kMostOfOne + 17, 'x'));
  EXPECT_THAT(finish(), HasSubstr("... 4194304 of 4194321 bytes"));
}

TEST(BundleListing, ShowsWhatIsOursAndOfWhatIsTheirsThatItIsThere) {
  const TempDir temp;
  const auto put = [&](const fs::path& file) {
    fs::create_directories((temp.path() / file).parent_path());
    std::ofstream(temp.path() / file) << "12345";
  };
  put("berth.db");
  put("volumes/default/data-db-0/theirs");
  put("pods/uid/etc/hosts");
  put("pods/uid/mounts/share/never-looked-at");
  const auto text = listing(temp.path());
  EXPECT_THAT(text, HasSubstr("           5 " + (temp.path() / "berth.db").string()));
  EXPECT_THAT(text, HasSubstr("/volumes/default/data-db-0/\n"));
  EXPECT_THAT(text, Not(HasSubstr("theirs")));
  EXPECT_THAT(text, HasSubstr("/pods/uid/etc/hosts\n"));
  EXPECT_THAT(text, HasSubstr("           ? " + (temp.path() / "pods/uid/mounts/share").string() + "\n"));
  EXPECT_THAT(text, Not(HasSubstr("never-looked-at")));
  EXPECT_THAT(listing(temp.path() / "nothing"), HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace berth::cli
