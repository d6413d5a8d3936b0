// tests/agent/certificate_test.cpp - when a certificate is renewed, by whom, and what is said when nobody does.
#include "agent/node/certificate_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "base/atomic_file.hpp"
#include "model/base64.hpp"
#include "tests/fakes/manual_clock.hpp"
#include "tests/temp_dir.hpp"

namespace berth::agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr hours kDay{24};

TEST(CertificatePlan, OursIsRenewedWhenAThirdIsLeftAndOthersAreSpokenOfMonthsLater) {
  const WallTime begins = *parse_rfc3339("2030-01-01T00:00:00Z");
  const WallTime ends = begins + 360 * kDay;
  struct Case {
    int day;
    bool may_renew;
    CertificateStep step;
  };
  for (const auto& [day, may_renew, step] :
       {Case{0, true, CertificateStep::None}, Case{239, true, CertificateStep::None},
        Case{240, true, CertificateStep::Renew}, Case{361, true, CertificateStep::Renew},
        Case{329, false, CertificateStep::None}, Case{330, false, CertificateStep::Warn},
        Case{400, false, CertificateStep::Warn}}) {
    const auto plan = plan_certificate(begins, ends, may_renew, begins + day * kDay);
    EXPECT_EQ(plan.step, step) << day << may_renew;
    EXPECT_EQ(plan.due, begins + (may_renew ? 240 : 330) * kDay);
  }
}

TEST(CertificatePlan, OfOneForMinutesThirtyDaysAreAThirdOfIt) {
  const WallTime begins = *parse_rfc3339("2030-01-01T00:00:00Z");
  for (const bool may_renew : {true, false}) {
    const auto plan = plan_certificate(begins, begins + minutes{3}, may_renew, begins + minutes{1});
    EXPECT_EQ(plan.step, CertificateStep::None);
    EXPECT_EQ(plan.due, begins + minutes{2});
  }
}

TEST(CertificatePlan, EachFileIsWatchedOnceAndOnlyWhereThereIsAnEtcd) {
  Config config;
  config.api_tls = ApiTlsConfig{.listen = {}, .cert_file = "/host.crt"};
  EXPECT_THAT(watched_certificates(config), IsEmpty());
  config.etcd = EtcdConfig{.endpoints = {}, .ca_file = "/ca.crt", .cert_file = "/host.crt"};
  config.cluster = ClusterConfig{.advertise = {}, .ca_file = "/ca.crt", .cert_file = "/host.crt", .key_file = "/x"};
  EXPECT_THAT(watched_certificates(config), ElementsAre(WatchedFile{"/host.crt", false}, WatchedFile{"/ca.crt", true}));
  config.etcd->ca_file.clear();
  config.etcd->cert_file = "/client.crt";
  EXPECT_THAT(watched_certificates(config), ElementsAre(WatchedFile{"/client.crt", false},
                                                        WatchedFile{"/host.crt", false}, WatchedFile{"/ca.crt", true}));
}

/// A certificate is a text "CA BEGINS ENDS" here, a line each.
class CertificateKeeperTest : public testing::Test {
 protected:
  std::string text(const std::string& ca, WallTime begins, WallTime ends) const {
    return ca + " " + format_rfc3339(begins) + " " + format_rfc3339(ends) + "\n";
  }
  void put(const std::string& name, const std::string& ca, hours lifetime) {
    EXPECT_TRUE(write_file(file(name), text(ca, clock_.wall(), clock_.wall() + lifetime)));
  }
  /// The host's, by that CA, and the CA's own, which lasts.
  void put_both(const std::string& ca, hours lifetime) {
    put("host.crt", ca, lifetime);
    put("ca.crt", ca, 3'000 * kDay);
  }
  void keep_authority() {
    EXPECT_TRUE(store::create_and_wait(
        *store_,
        *model::make_object(
            {{"apiVersion", "v1"},
             {"kind", "Secret"},
             {"metadata", {{"name", "berth-ca"}, {"namespace", "kube-system"}}},
             {"type", "kubernetes.io/tls"},
             {"data", {{"tls.crt", model::encode_base64("ours")}, {"tls.key", model::encode_base64("its key")}}}})));
  }
  void look() {
    keeper_.look();
    while (loop_.poll() > 0) {
    }
  }
  std::filesystem::path file(const std::string& name) const { return dir_.path() / name; }
  std::string content(const std::string& name) const { return read_file(file(name)).value_or("(none)"); }

  TempDir dir_;
  Loop loop_;
  std::unique_ptr<Lane> lane_ = make_inline_lane();
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  ManualClock clock_;
  std::string refusal_;  ///< Why no certificate is made.
  CertificateKeeper keeper_{
      {.loop = loop_,
       .lane = *lane_,
       .store = *store_,
       .clock = clock_,
       .files = {{file("host.crt"), false}, {file("ca.crt"), true}},
       .tools = {.read = [this](const auto& pem, const auto& ca) { return facts(pem, ca); },
                 .renew = [this](const auto& pem, const auto& ca, WallTime now) { return renewed(pem, ca, now); }}}};

 private:
  Result<std::vector<store::etcd::CertificateFacts>> facts(const std::string& pem, const std::string& ca) const {
    std::vector<store::etcd::CertificateFacts> out;
    std::istringstream lines(pem);
    std::string by;
    std::string begins;
    std::string ends;
    while (lines >> by >> begins >> ends) out.push_back({*parse_rfc3339(begins), *parse_rfc3339(ends), by == ca});
    if (out.empty()) return Error(ErrorCode::DataLoss, "read a certificate: no start line");
    return out;
  }
  Result<std::string> renewed(const std::string& pem, const store::etcd::CertificateAuthority& ca, WallTime now) const {
    EXPECT_EQ(ca.key, "its key");
    if (!refusal_.empty()) return Error(ErrorCode::FailedPrecondition, refusal_);
    const auto before = facts(pem, ca.certificate);
    return text(ca.certificate, now, now + (before->front().ends - before->front().begins));
  }
};

TEST_F(CertificateKeeperTest, RenewsOursWhenAThirdIsLeftAndNeitherSoonerNorAgain) {
  keep_authority();
  put_both("ours", 30 * kDay);
  const auto before = content("host.crt");
  look();
  EXPECT_EQ(content("host.crt"), before);
  EXPECT_EQ(keeper_.wait(), CertificateKeeper::kLookEvery);
  clock_.advance(20 * kDay - minutes{5});
  look();
  EXPECT_EQ(content("host.crt"), before);
  EXPECT_GT(keeper_.wait(), minutes{4}) << "it is known when";
  EXPECT_LE(keeper_.wait(), minutes{5});
  clock_.advance(minutes{5});
  look();
  const auto after = content("host.crt");
  EXPECT_EQ(after, text("ours", clock_.wall(), clock_.wall() + 30 * kDay));
  look();
  EXPECT_EQ(content("host.crt"), after);
  EXPECT_THAT(keeper_.troubles(), IsEmpty());
}

TEST_F(CertificateKeeperTest, OthersAreOnlyWatchedAndTakenBackWhenAPersonReplacedThem) {
  keep_authority();
  put_both("theirs", 365 * kDay);
  const auto before = content("host.crt");
  clock_.advance(334 * kDay);
  look();
  EXPECT_THAT(keeper_.troubles(), IsEmpty());
  clock_.advance(2 * kDay);
  look();
  EXPECT_EQ(content("host.crt"), before);
  EXPECT_THAT(keeper_.troubles(), ElementsAre(testing::AllOf(Field(&CertificateTrouble::file, file("host.crt")),
                                                             Field(&CertificateTrouble::not_renewed, ""))));
  EXPECT_EQ(keeper_.wait(), CertificateKeeper::kLookAgain);
  put("host.crt", "theirs", 365 * kDay);
  look();
  EXPECT_THAT(keeper_.troubles(), IsEmpty());
}

TEST_F(CertificateKeeperTest, WithoutTheCasKeyNothingIsRenewed) {
  put_both("ours", 30 * kDay);
  clock_.advance(25 * kDay);
  const auto before = content("host.crt");
  look();
  EXPECT_EQ(content("host.crt"), before);
  EXPECT_EQ(keeper_.troubles().size(), 1U);
  keep_authority();
  look();
  EXPECT_NE(content("host.crt"), before) << "it came with the etcd's objects";
  EXPECT_THAT(keeper_.troubles(), IsEmpty());
}

TEST_F(CertificateKeeperTest, AFailureIsSaidAndTriedAgain) {
  keep_authority();
  put_both("ours", 30 * kDay);
  const auto before = content("host.crt");
  clock_.advance(21 * kDay);
  refusal_ = "its CA ends";
  look();
  EXPECT_EQ(content("host.crt"), before);
  EXPECT_THAT(keeper_.troubles(), ElementsAre(Field(&CertificateTrouble::not_renewed, "its CA ends")));
  EXPECT_EQ(keeper_.wait(), CertificateKeeper::kLookAgain);
  refusal_.clear();
  look();
  EXPECT_NE(content("host.crt"), before);
  EXPECT_THAT(keeper_.troubles(), IsEmpty());
}

TEST_F(CertificateKeeperTest, OfSeveralCasTheLastToEndCounts) {
  put("host.crt", "theirs", 365 * kDay);
  EXPECT_TRUE(write_file(file("ca.crt"), text("x", clock_.wall(), clock_.wall() + minutes{1}) +
                                             text("x", clock_.wall(), clock_.wall() + 3'000 * kDay)));
  look();
  EXPECT_THAT(keeper_.troubles(), IsEmpty());
  clock_.advance(2'980 * kDay);
  look();
  EXPECT_THAT(keeper_.troubles(), testing::Contains(Field(&CertificateTrouble::is_authority, true)));
}

TEST_F(CertificateKeeperTest, WhatCannotBeReadIsSaid) {
  EXPECT_TRUE(write_file(file("ca.crt"), "nonsense"));
  look();
  EXPECT_THAT(keeper_.troubles(), ElementsAre(Field(&CertificateTrouble::not_renewed, HasSubstr("No such file")),
                                              Field(&CertificateTrouble::not_renewed, HasSubstr("no start line"))));
}

}  // namespace
}  // namespace berth::agent
