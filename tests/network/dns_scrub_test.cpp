// tests/network/dns_scrub_test.cpp - replies with more in them than was asked for.
#include "network/dns/scrub.hpp"

#include <gtest/gtest.h>

#include "tests/network/dns_sockets.hpp"
#include "tests/network/dns_text.hpp"

namespace berth::network::dns {
namespace {

constexpr std::uint16_t kId = 7;

/// A reply built record by record, as an upstream would: names compressed.
class Reply {
 public:
  explicit Reply(Question question)
      : question_(std::move(question)),
        message_(encode_question(question_, kId, /*edns=*/false)),
        size_(message_.size()) {
    message_.resize(4096);
    set_u16(message_.data() + 2, 0x8180);
    writer_.emplace(message_, size_);
    writer_->remember(kHeaderSize);
  }
  Reply& address(std::size_t section, const std::string& owner, std::uint8_t last) {
    begin(section, owner, "A");
    writer_->u16(4);
    writer_->octets(Message{192, 0, 2, last});
    return *this;
  }
  Reply& named(std::size_t section, const std::string& owner, const std::string& type, const std::string& target,
               std::size_t before = 0) {
    begin(section, owner, type);
    const auto length = writer_->size();
    writer_->u16(0);
    writer_->octets(Message(before));
    writer_->name(Name::from_text(target)->view());
    set_u16(message_.data() + length, static_cast<std::uint16_t>(writer_->size() - length - 2));
    return *this;
  }
  Reply& soa(const std::string& owner) {
    begin(2, owner, "SOA");
    const auto length = writer_->size();
    writer_->u16(0);
    writer_->name(Name::from_text("ns." + owner)->view());
    writer_->name(Name::from_text("admin." + owner)->view());
    writer_->octets(Message(20));
    set_u16(message_.data() + length, static_cast<std::uint16_t>(writer_->size() - length - 2));
    return *this;
  }
  std::string scrubbed() const {
    const auto whole = Octets(message_).first(writer_->size());
    const auto checked = check_reply(whole, question_, kId, false);
    EXPECT_EQ(checked.state, ReplyState::Good);
    return text_of(scrub(whole.first(checked.size), question_));
  }

 private:
  void begin(std::size_t section, const std::string& owner, const std::string& type) {
    add_count(message_.data(), section, 1);
    writer_->name(Name::from_text(owner)->view());
    writer_->u16(type == "NS" ? 2 : type == "MX" ? 15 : type_numbers().at(type));
    writer_->u16(kClassIn);
    writer_->u32(60);
  }
  Question question_;
  Message message_;
  std::size_t size_;
  std::optional<Writer> writer_;
};

Reply asked(const std::string& name, std::uint16_t type = 1) {
  return Reply({*Name::from_text(name), type, false, false});
}

TEST(Scrub, WhatWasAskedForStays) {
  EXPECT_EQ(asked("www.example.org").address(1, "www.example.org", 1).address(1, "www.example.org", 2).scrubbed(),
            "NOERROR A=192.0.2.1 A=192.0.2.2");
  EXPECT_EQ(asked("www.example.org")
                .named(1, "www.example.org", "CNAME", "a.example.net")
                .named(1, "a.example.net", "CNAME", "b.example.net")
                .address(1, "b.example.net", 1)
                .scrubbed(),
            "NOERROR CNAME=a.example.net. a.example.net.:CNAME=b.example.net. b.example.net.:A=192.0.2.1");
  EXPECT_EQ(asked("www.example.org")  // aliases in no order
                .address(1, "b.example.net", 1)
                .named(1, "a.example.net", "CNAME", "b.example.net")
                .named(1, "www.example.org", "CNAME", "a.example.net")
                .scrubbed(),
            "NOERROR b.example.net.:A=192.0.2.1 a.example.net.:CNAME=b.example.net. CNAME=a.example.net.");
  EXPECT_EQ(asked("nobody.example.org").soa("example.org").scrubbed(), "NOERROR | SOA");
}

TEST(Scrub, AddressesOfOtherNamesGo) {
  EXPECT_EQ(asked("www.example.org").address(1, "www.example.org", 1).address(1, "bank.example.com", 66).scrubbed(),
            "NOERROR A=192.0.2.1");
  EXPECT_EQ(asked("www.example.org").address(1, "bank.example.com", 66).address(1, "www.example.org", 1).scrubbed(),
            "NOERROR A=192.0.2.1");
  EXPECT_EQ(asked("www.example.org")
                .named(1, "bank.example.com", "CNAME", "evil.example.net")
                .address(1, "evil.example.net", 66)
                .scrubbed(),
            "NOERROR");
}

TEST(Scrub, OtherTypesAndAdditionalRecordsGo) {
  EXPECT_EQ(asked("example.org", 15)
                .named(1, "example.org", "MX", "mx.example.org", 2)
                .address(3, "mx.example.org", 9)
                .scrubbed(),
            "NOERROR TYPE15=");
  EXPECT_EQ(asked("www.example.org", 28).address(1, "www.example.org", 1).scrubbed(), "NOERROR");
  EXPECT_EQ(asked("www.example.org").address(1, "www.example.org", 1).address(3, "bank.example.com", 66).scrubbed(),
            "NOERROR A=192.0.2.1");
}

TEST(Scrub, OnlyZonesOfTheNamesHaveAuthority) {
  EXPECT_EQ(asked("www.example.org").address(1, "www.example.org", 1).named(2, "com", "NS", "ns.evil.net").scrubbed(),
            "NOERROR A=192.0.2.1");
  EXPECT_EQ(asked("www.example.org")
                .address(1, "www.example.org", 1)
                .named(2, "example.org", "NS", "ns.example.org")
                .scrubbed(),
            "NOERROR A=192.0.2.1 | example.org.:NS=ns.example.org.");
}

TEST(Scrub, WhatIsRebuiltHasItsNamesWhole) {
  EXPECT_EQ(asked("_x._tcp.example.org", 33)
                .address(1, "bank.example.com", 66)
                .named(1, "_x._tcp.example.org", "SRV", "host.example.com", 6)  // points into the record that goes
                .scrubbed(),
            "NOERROR SRV=0,0,0,host.example.com.");
  EXPECT_EQ(asked("1.2.0.192.in-addr.arpa", 12)
                .address(1, "bank.example.com", 66)
                .named(1, "1.2.0.192.in-addr.arpa", "PTR", "www.example.com")
                .scrubbed(),
            "NOERROR PTR=www.example.com.");
}

}  // namespace
}  // namespace berth::network::dns
