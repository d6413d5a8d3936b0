// tests/cli/tar_test.cpp - archives from containers are untrusted: nothing of them lands outside the destination.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/atomic_file.hpp"
#include "cli/extraction.hpp"
#include "cli/tar_stream.hpp"
#include "tests/temp_dir.hpp"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;

class Tar : public testing::Test {
 protected:
  void put(const fs::path& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  std::string text(const fs::path& file) const { return read_file((root_ / file).string()).value_or("(none)"); }

  static std::string archive(const fs::path& source, const std::string& name) {
    TarWriter writer(source, name);
    std::string out;
    for (auto piece = writer.next(); !piece.empty(); piece = writer.next()) out += piece;
    return out;
  }
  /// Fed in pieces of every awkward size.
  static Status extract(Extraction& to, std::string_view bytes, std::size_t piece) {
    TarReader reader(to);
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      if (auto done = reader.add(bytes.substr(at, piece)); !done) return done;
    }
    EXPECT_TRUE(reader.is_complete());
    return Ok{};
  }
  /// One header with a right checksum, then its data.
  static std::string member(std::string name, char type, const std::string& data, const std::string& link = "") {
    std::string block(512, '\0');
    const auto place = [&](std::size_t at, std::string_view what) { block.replace(at, what.size(), what); };
    place(0, name);
    place(100, "0000644");
    char size[16];
    std::snprintf(size, sizeof(size), "%011o", static_cast<unsigned>(data.size()));
    place(124, size);
    block[156] = type;
    place(157, link);
    place(257, "ustar");
    unsigned sum = 8 * ' ';
    for (const char c : block) sum += static_cast<unsigned char>(c);
    std::snprintf(size, sizeof(size), "%06o", sum);
    place(148, std::string_view(size, 7));
    block[155] = ' ';
    auto body = data;
    body.resize((data.size() + 511) / 512 * 512, '\0');
    return block + body;
  }

  TempDir temp_;
  const fs::path root_ = temp_.path();
};

TEST_F(Tar, AFolderComesBackAsItWas) {
  const std::string large(100'000, 'x');
  const std::string long_name(150, 'n');
  put("src/a.txt", "hello");
  put("src/deep/er/b", large);
  put("src/empty", "");
  put("src/" + long_name, "long");
  fs::permissions(root_ / "src/a.txt", fs::perms::owner_all);
  const auto bytes = archive(root_ / "src", "data");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{511}, std::size_t{4096}, bytes.size()}) {
    fs::remove_all(root_ / "out");
    Extraction extraction("data", root_ / "out");
    const auto done = extract(extraction, bytes, piece);
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(text("out/a.txt"), "hello");
    EXPECT_EQ(text("out/deep/er/b"), large);
    EXPECT_EQ(text("out/empty"), "");
    EXPECT_EQ(text("out/" + long_name), "long");
    EXPECT_EQ(fs::status(root_ / "out/a.txt").permissions(), fs::perms::owner_all);
    EXPECT_EQ(extraction.files(), 4U);
  }
}

TEST_F(Tar, AFileGoesWhereItWasAskedFor) {
  put("src/a.txt", "hello");
  Extraction extraction("etc/a.txt", root_ / "out" / "renamed");
  ASSERT_TRUE(extract(extraction, archive(root_ / "src/a.txt", "etc/a.txt"), 700));
  EXPECT_EQ(text("out/renamed"), "hello");
}

TEST_F(Tar, WhatTarWritesIsRead) {
  put("src/a.txt", "hello");
  put("src/" + std::string(90, 'd') + "/" + std::string(90, 'e') + "/f", "deep");
  for (const auto* format : {"gnu", "pax", "ustar"}) {
    const auto file = root_ / "t.tar";
    ASSERT_EQ(
        std::system(("tar --format=" + std::string(format) + " -C " + root_.string() + " -cf " + file.string() + " src")
                        .c_str()),
        0);
    fs::remove_all(root_ / "out");
    Extraction extraction("src", root_ / "out");
    const auto done = extract(extraction, *read_file(file.string()), 1000);
    ASSERT_TRUE(done) << format << done.error().message();
    EXPECT_EQ(text("out/a.txt"), "hello") << format;
    EXPECT_EQ(text("out/" + std::string(90, 'd') + "/" + std::string(90, 'e') + "/f"), "deep") << format;
  }
}

TEST_F(Tar, NothingLandsOutside) {
  put("victim/keep", "mine");
  fs::create_directories(root_ / "out");
  const auto bytes = member("data/../../victim/keep", '0', "bad") + member("/data/abs", '0', "bad") +
                     member("database/x", '0', "bad") + member("data/link", '2', "", (root_ / "victim").string()) +
                     member("data/link/keep", '0', "bad") + member("data/hard", '1', "", "../victim/keep") +
                     member("data/ok", '0', "good") + std::string(1024, '\0');
  Extraction extraction("data", root_ / "out");
  const auto done = extract(extraction, bytes, 4096);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(text("victim/keep"), "mine");
  EXPECT_EQ(text("out/ok"), "good");
  EXPECT_FALSE(fs::exists(root_ / "out/abs"));
  EXPECT_FALSE(fs::is_symlink(root_ / "out/link"));
  EXPECT_EQ(text("out/link/keep"), "bad") << "a plain folder of that name, inside";
}

TEST_F(Tar, ALinkThatIsThereAlreadyLeadsNowhere) {
  put("victim/keep", "mine");
  fs::create_directories(root_ / "out");
  fs::create_symlink(root_ / "victim", root_ / "out/link");
  Extraction extraction("data", root_ / "out");
  EXPECT_FALSE(extract(extraction, member("data/link/keep", '0', "bad") + std::string(1024, '\0'), 4096));
  EXPECT_EQ(text("victim/keep"), "mine");
}

TEST_F(Tar, NoiseIsNoArchive) {
  Extraction extraction("data", root_ / "out");
  TarReader reader(extraction);
  EXPECT_FALSE(reader.add(std::string(2048, 'x')));
}

TEST_F(Tar, ACutArchiveIsNotComplete) {
  put("src/a.txt", std::string(5000, 'x'));
  const auto bytes = archive(root_ / "src/a.txt", "a.txt");
  Extraction extraction("a.txt", root_ / "out");
  TarReader reader(extraction);
  EXPECT_TRUE(reader.add(std::string_view(bytes).substr(0, 2000)));
  EXPECT_FALSE(reader.is_complete());
}

TEST(SafeMember, StaysBelowItsPrefix) {
  EXPECT_EQ(*safe_member("data/a", "data"), "a");
  EXPECT_EQ(*safe_member("data/./a//b", "data"), "a/b");
  EXPECT_EQ(*safe_member("data", "data"), "");
  EXPECT_EQ(*safe_member("a/b", ""), "a/b");
  for (const auto* name : {"database", "/data", "data/..", "data/../x", "x", ""})
    EXPECT_FALSE(safe_member(name, "data")) << name;
  EXPECT_FALSE(safe_member("/etc/passwd", ""));
  EXPECT_FALSE(safe_member("../x", ""));
}

}  // namespace
}  // namespace berth::cli
