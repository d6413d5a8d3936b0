// agent/claims/claim_controller.hpp - carries out the plans of claims: binds, provisions, grows, releases. A row of the
// controller runner. Loop thread; the front door of volumes/ is called on a lane and answers from wherever it likes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agent/claims/claim_plan.hpp"
#include "agent/claims/claim_use.hpp"
#include "agent/claims/volume_index.hpp"
#include "agent/control/controller_runner.hpp"
#include "agent/objects/object_cache.hpp"
#include "base/boot_time.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

/// A key is a claim, there or only remembered by a volume; or a volume that no claim ever had. One thing at a time is
/// done for a claim's name: never is content provisioned while the same is reclaimed.
///
/// Where several hosts share the store, each plans all keys and does what is its own of them (claim_owner.hpp). What is
/// made or destroyed is so only after a write that says who does it, which fails when another's came first.
class ClaimController {
 public:
  struct Context {
    Loop& loop;
    const Clock& clock;
    Lane& lane;
    const ObjectCache& cache;
    const store::Store& store;
    volumes::PodVolumes& volumes;
    std::string node_name{};
    /// Look at the pod with that uid again, what it waits for has changed.
    std::function<void(const std::string& uid)> kick{};
    /// Of a store that other hosts' agents reach, too: those that are there. Null: the store is this host's own.
    const LiveNodes* nodes = nullptr;
    /// Does this host plan what no host is special for? Empty: always.
    std::function<bool(const model::ObjectKey&)> is_warden{};
    /// Why a pod must not mount its bound claim's volume yet, see AttachmentController. Empty: it may.
    std::function<std::string(const model::Pod&, const std::string& volume)> may_mount{};
    /// Until when what the store says is this host's surely is so, see SessionTerm; 0: that is not known, and the row
    /// is to be woken when it is. Empty: for ever.
    std::function<BootTime()> held_until{};
  };

  explicit ClaimController(Context context);
  ~ClaimController() { *alive_ = false; }
  ClaimController(const ClaimController&) = delete;
  ClaimController& operator=(const ClaimController&) = delete;

  /// Must outlive the runner it is added to.
  Controller row();

  /// Why the pod has to wait for this claim, or empty when it is bound; `bound` is filled then.
  std::string resolve(const model::Pod& pod, const std::string& claim, volumes::BoundClaim& bound) const;

 private:
  using Key = model::ObjectKey;

  void wakes(const store::Change& change, const Waker& wake);
  void wake_all(const Waker& wake);
  void on_claim(const store::Change& change, const Waker& wake);
  void on_volume(const store::Change& change, const Waker& wake);
  void on_pod(const store::Change& change, const Waker& wake);
  void on_class(const std::string& name, const Waker& wake);
  void on_secret(const Name& secret, const Waker& wake);
  void wake_waiting(const Waker& wake) const;
  void wake_of_nodes(const Waker& wake) const;
  void wake_for(const model::PersistentVolume& volume, const Waker& wake) const;
  void ended(const Key& key, const Waker& wake);

  Work plan(const Key& key);
  bool is_warden(const Key& key) const;
  ClaimFacts facts_for(const Name& name) const;
  Work carry_out(const Name& name, const ClaimPlan& plan);
  void kick_users(const Name& claim) const;
  EventText event(const Key& about, const std::string& uid, std::string reason, std::string message) const;
  std::string uid_of_volume(const std::string& name) const;
  void set_waiting(const Name& claim, const std::string& message);
  void report(const WaitingClaim& waiting, Work& work);

  BootTime sure_until() const;
  void bind(const BindAction& action, Work& work);
  void select(const SelectAction& action, Work& work) const;
  void hold(const HoldAction& action, Work& work) const;
  void unhold(const UnholdAction& action, Work& work) const;
  bool take_pools(const Name& name, Work& work);
  Work give_back_pools() const;
  void provision(const ProvisionAction& action, Work& work);
  Work provisioned(const ProvisionAction& action, const Result<volumes::Provisioned>& made);
  void expand(const ExpandAction& action, Work& work);
  Work expanded(const ExpandAction& action, const Result<std::int64_t>& size);
  void resized(const ResizedAction& action, Work& work) const;
  bool lose(const LostClaim& action, Work& work) const;
  bool release(const ReleaseAction& action, Work& work);
  bool reclaim(const ReleaseAction& action, Work& work);
  Work reclaimed(const ReleaseAction& action, const Status& gone) const;
  void drop_volume(const std::string& name, Work& work) const;

  Context context_;
  std::optional<Hosts> hosts_;
  VolumeIndex index_;
  std::set<Name> unbound_;             ///< Claims without a volume: what new volumes may concern.
  std::map<Name, std::string> given_;  ///< The volume that a plan under way gives to the claim.
  std::map<Name, std::string> going_;  ///< The volume whose content a plan under way removes.
  std::optional<Name> pool_user_;      ///< A pool's disks have no owner until their volume is there: one at a time.
  std::set<Name> pool_waiting_;
  std::int64_t pool_turn_ = 0;           ///< The turn that we asked for, see PoolHold; 0: none.
  std::set<Name> begun_;                 ///< What is tried again is not said to begin again.
  std::map<Name, std::string> waiting_;  ///< Last message per claim: each is said once.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
