// tests/volumes/helper/scsi_reservation_test.cpp - who is to be thrown out of a disk, and how answers are read.
#include "volumes/helper/scsi_reservation.hpp"

#include <gtest/gtest.h>

#include "base/atomic_file.hpp"
#include "tests/temp_dir.hpp"

namespace berth::volumes::helper {
namespace {

using What = ReservationStep::What;
using namespace std::string_literals;

std::string answer(const std::string& body) {
  std::string out = "\0\0\0\7"s;  // a generation
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(body.size() >> shift);
  return out + body;
}
std::string key(unsigned char last) { return "\0\0\0\0\0\0\1"s + static_cast<char>(last); }

TEST(ReservationKey, IsOfTheHostAndTheVolume) {
  const auto own = reservation_key("ship-1", "iscsi-a");
  EXPECT_NE(own, 0U);
  EXPECT_EQ(own, reservation_key("ship-1", "iscsi-a"));
  EXPECT_NE(own, reservation_key("ship-2", "iscsi-a"));
  EXPECT_NE(own, reservation_key("ship-1", "iscsi-b"));
}

TEST(Reservations, AreReadAsTheDiskSaysThem) {
  const auto both = parse_reservations(answer(key(1) + key(2) + key(1)), answer(key(2) + "\0\0\0\0\0\5\0\0"s));
  ASSERT_TRUE(both);
  EXPECT_EQ(both->keys, (std::vector<ReservationKey>{0x101, 0x102})) << "two paths of one host are one";
  EXPECT_EQ(both->holder, 0x102U);

  const auto none = parse_reservations(answer(""), answer(""));
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->keys.empty());
  EXPECT_FALSE(none->holder);
}

TEST(Reservations, AnAnswerThatIsCutShortIsNotBelieved) {
  const auto whole = answer(key(1) + key(2));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(failed_with(parse_reservations(whole.substr(0, size), answer("")), ErrorCode::DataLoss)) << size;
    EXPECT_TRUE(failed_with(parse_reservations(answer(""), whole.substr(0, size)), ErrorCode::DataLoss)) << size;
  }
  // The kernel's buffer may be longer than the answer.
  EXPECT_TRUE(parse_reservations(whole + "rest", answer("")));
}

TEST(NextReservationStep, ThrowsOutTheHolderFirstThenTheOthersThenIsDone) {
  EXPECT_EQ(next_reservation_step({{1}, std::nullopt}, 1), (ReservationStep{What::Reserve, 0}));
  EXPECT_EQ(next_reservation_step({{3, 2, 1}, 2}, 1), (ReservationStep{What::Preempt, 2}));
  EXPECT_EQ(next_reservation_step({{3, 1}, 1}, 1), (ReservationStep{What::Preempt, 3}));
  EXPECT_EQ(next_reservation_step({{1}, 1}, 1), (ReservationStep{What::Done, 0}));
}

/// A disk as SPC-4 has it, as far as it is asked of it.
struct Disk {
  Reservations now;
  void take(const ReservationStep& step, ReservationKey own) {
    if (step.what == What::Reserve) now.holder = own;
    if (step.what != What::Preempt) return;
    std::erase(now.keys, step.other);
    if (now.holder == step.other) now.holder = own;
  }
};

TEST(NextReservationStep, LeavesNobodyElseWhateverWasThere) {
  for (unsigned there = 0; there < 16; ++there) {
    for (ReservationKey holder = 0; holder <= 4; ++holder) {
      Disk disk;
      for (unsigned each = 0; each < 4; ++each) {
        if ((there >> each & 1U) != 0) disk.now.keys.push_back(each + 1);
      }
      if (holder != 0) disk.now.holder = holder;
      const ReservationKey own = 3;
      if ((there & 4U) == 0) disk.now.keys.push_back(own);
      int steps = 0;
      for (auto step = next_reservation_step(disk.now, own); step.what != What::Done;
           step = next_reservation_step(disk.now, own)) {
        disk.take(step, own);
        ASSERT_LT(++steps, 10);
      }
      EXPECT_EQ(disk.now.keys, (std::vector<ReservationKey>{own}));
      EXPECT_EQ(disk.now.holder, own);
    }
  }
}

TEST(ReserveDisk, NothingIsAskedOfTheDiskOnceItMayBeAnotherHosts) {
  const TempDir dir;
  const auto device = dir.path() / "disk";
  ASSERT_TRUE(write_file(device, ""));
  const auto late = reserve_disk(device, 1, boot_time());
  ASSERT_TRUE(failed_with(late, ErrorCode::Unavailable));
  EXPECT_NE(late.error().message().find("another host may have it by now"), std::string::npos);
  EXPECT_TRUE(failed_with(reserve_disk(device, 1, BootTime::max()), ErrorCode::Unimplemented)) << "a file is no disk";
}

TEST(CanBeReserved, OnlyDisksOfANetwork) {
  EXPECT_TRUE(can_be_reserved(model::IscsiSource{}));
  EXPECT_TRUE(can_be_reserved(model::FcSource{}));
  EXPECT_FALSE(can_be_reserved(model::LocalSource{}));
  EXPECT_FALSE(can_be_reserved(model::NfsSource{}));
}

}  // namespace
}  // namespace berth::volumes::helper
