// agent/node/certificate_keeper.hpp - renews this host's certificates of the cluster's CA before they end, and knows
// which others end.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/node/certificate_plan.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "store/etcd/etcd_store.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// As EtcdModule has them.
struct CertificateTools {
  std::function<Result<std::vector<store::etcd::CertificateFacts>>(const std::string& pem,
                                                                   const std::string& authority)>
      read;
  std::function<Result<std::string>(const std::string& pem, const store::etcd::CertificateAuthority& authority,
                                    WallTime now)>
      renew;
};

/// Those of the module that the store of this host has loaded.
CertificateTools certificate_tools();

/// What one look at all files saw and did.
struct CertificatesSeen {
  std::vector<CertificateTrouble> troubles{};
  std::vector<std::string> renewed{};  ///< File and until when, for the journal.
  WallTime next{};                     ///< When to look again.
};

/// The key of the CA that `berth cluster init` made is a Secret, kube-system/berth-ca, which every host has: so each
/// signs for itself, and nobody is asked. A certificate that this CA has signed is made anew over the same key, under
/// the same names; the file is replaced in one step, and who uses it reads it with the next connection. All others are
/// only watched. See docs/decisions/0052.
///
/// Loop thread; files are read and written on the lane. Looks again at the time that the plan says, at least once a day
/// as a person may have replaced a file, and after a minute while something is wrong.
class CertificateKeeper {
 public:
  static constexpr std::chrono::hours kLookEvery{24};
  static constexpr std::chrono::minutes kLookAgain{1};

  struct Context {
    Loop& loop;
    Lane& lane;
    const store::Store& store;
    const Clock& clock;
    std::vector<WatchedFile> files;
    CertificateTools tools;
  };

  explicit CertificateKeeper(Context context) : context_(std::move(context)) {}
  ~CertificateKeeper() { *alive_ = false; }
  CertificateKeeper(const CertificateKeeper&) = delete;
  CertificateKeeper& operator=(const CertificateKeeper&) = delete;

  /// Looks now, and by its own timer from then on. Also when the clock was set.
  void look();
  /// As of the last look.
  const std::vector<CertificateTrouble>& troubles() const { return troubles_; }
  /// From the last look to the next.
  std::chrono::milliseconds wait() const { return wait_; }

 private:
  void take(const CertificatesSeen& seen);

  const Context context_;
  std::vector<CertificateTrouble> troubles_;
  std::chrono::milliseconds wait_{0};
  bool looking_ = false;
  std::unique_ptr<LoopHandle> timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
