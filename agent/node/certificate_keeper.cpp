// agent/node/certificate_keeper.cpp - see certificate_keeper.hpp.
#include "agent/node/certificate_keeper.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "model/base64.hpp"

namespace berth::agent {
namespace {

constexpr std::size_t kMaxFile = 1024 * 1024;

/// None: `berth cluster init` did not make this cluster, or the store is not in touch with it yet.
std::optional<store::etcd::CertificateAuthority> stored_authority(const store::Store& store) {
  const auto secret = store.get({model::Kind::Secret, "kube-system", "berth-ca"});
  if (!secret) return std::nullopt;
  const json::value object(secret->raw);
  auto certificate = model::decode_base64(find_string(object, {"data", "tls.crt"}));
  auto key = model::decode_base64(find_string(object, {"data", "tls.key"}));
  if (!certificate || !key) return std::nullopt;
  return store::etcd::CertificateAuthority{*std::move(certificate), *std::move(key)};
}

/// One look at all files. On the lane.
class CertificateLook {
 public:
  CertificateLook(const store::Store& store, const CertificateTools& tools, WallTime now)
      : tools_(tools), authority_(stored_authority(store)), now_(now) {
    seen_.next = now + CertificateKeeper::kLookEvery;
  }

  void look_at(const WatchedFile& watched) {
    CertificateTrouble trouble{.file = watched.file, .is_authority = watched.is_authority};
    const auto done = judge(watched, trouble);
    if (!done) trouble.not_renewed = done.error().message();
    if (done && !is_ending_) return;
    seen_.troubles.push_back(std::move(trouble));
    seen_.next = std::min<WallTime>(seen_.next, now_ + CertificateKeeper::kLookAgain);
  }

  CertificatesSeen seen() && { return std::move(seen_); }

 private:
  /// Sets is_ending_ and what is known of it in `trouble`.
  Status judge(const WatchedFile& watched, CertificateTrouble& trouble) {
    is_ending_ = false;
    const auto text = read_file(watched.file, kMaxFile);
    if (!text) return text.error();
    auto all = tools_.read(*text, authority_ ? authority_->certificate : std::string());
    if (!all) return all.error();
    // Of several CAs any will do.
    const auto& facts =
        watched.is_authority
            ? *std::max_element(all->begin(), all->end(), [](const auto& a, const auto& b) { return a.ends < b.ends; })
            : all->front();
    trouble.ends = format_rfc3339(facts.ends);
    const bool may_renew = facts.is_of_authority && !watched.is_authority;
    const auto plan = plan_certificate(facts.begins, facts.ends, may_renew, now_);
    switch (plan.step) {
      case CertificateStep::None: seen_.next = std::min(seen_.next, plan.due); return Ok{};
      case CertificateStep::Warn: is_ending_ = true; return Ok{};
      case CertificateStep::Renew: return renew(watched.file, *text);
    }
    std::abort();  // Unreachable: -Wswitch-enum makes a new step fail the build above.
  }

  /// The key stays: certificate and key are two files, and nobody may meet one that is new with one that is old.
  Status renew(const std::filesystem::path& file, const std::string& text) {
    const auto made = tools_.renew(text, *authority_, now_);
    if (!made) return made.error();
    const auto facts = tools_.read(*made, authority_->certificate);
    if (!facts) return facts.error();
    if (auto written = write_file(file, *made, 0644, Durability::Durable); !written) return written;
    const auto& fresh = facts->front();
    const auto plan = plan_certificate(fresh.begins, fresh.ends, /*may_renew=*/true, now_);
    seen_.next = std::min(seen_.next, std::max<WallTime>(plan.due, now_ + CertificateKeeper::kLookAgain));
    seen_.renewed.push_back(file.native() + ", until " + format_rfc3339(fresh.ends));
    return Ok{};
  }

  const CertificateTools& tools_;
  const std::optional<store::etcd::CertificateAuthority> authority_;
  const WallTime now_;
  bool is_ending_ = false;
  CertificatesSeen seen_;
};

}  // namespace

CertificateTools certificate_tools() {
  return {.read = [](const auto& pem, const auto& authority) -> Result<std::vector<store::etcd::CertificateFacts>> {
            const auto module = store::etcd::etcd_module();
            if (!module) return module.error();
            return (*module)->read_certificates(pem, authority);
          },
          .renew = [](const auto& pem, const auto& authority, WallTime now) -> Result<std::string> {
            const auto module = store::etcd::etcd_module();
            if (!module) return module.error();
            return (*module)->renew_certificate(pem, authority, now);
          }};
}

void CertificateKeeper::look() {
  if (std::exchange(looking_, true)) return;
  timer_.reset();
  const auto now = context_.clock.wall();
  context_.lane.run([this, alive = alive_, &context = context_, now] {
    CertificateLook look(context.store, context.tools, now);
    for (const auto& each : context.files) look.look_at(each);
    context.loop.post([this, alive, seen = std::make_shared<CertificatesSeen>(std::move(look).seen())] {
      if (*alive) take(*seen);
    });
  });
}

void CertificateKeeper::take(const CertificatesSeen& seen) {
  looking_ = false;
  troubles_ = seen.troubles;
  for (const auto& each : seen.renewed) log(LogLevel::Info, "renewed a certificate of this host", {{"which", each}});
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(seen.next - context_.clock.wall());
  wait_ = std::clamp<std::chrono::milliseconds>(left, std::chrono::seconds{1}, kLookEvery);
  timer_ = context_.loop.after(wait_, [this] { look(); });
}

}  // namespace berth::agent
