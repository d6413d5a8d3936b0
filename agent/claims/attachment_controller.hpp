// agent/claims/attachment_controller.hpp - holds volumes for this host, so that no other mounts them meanwhile: a row
// of the controller runner, of a store that several hosts share. Loop thread; asks volumes/ on a lane.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/control/controller_runner.hpp"
#include "agent/objects/object_cache.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

/// A VolumeAttachment is made when a pod of this host is there that needs the volume, before anything of it is mounted;
/// it goes when nothing of the last such pod is mounted any more. It is created only where none is, so one host has it.
/// What a host holds at its start and nobody uses there goes as well, once what was left of its pods is taken down.
///
/// A key is a VolumeAttachment, there or not; its name is the volume's. Those of a lost node are the silence
/// controller's.
class AttachmentController {
 public:
  struct Context {
    Loop& loop;
    Lane& lane;
    const ObjectCache& cache;
    volumes::PodVolumes& volumes;
    std::string node_name{};
    /// Look at the pod with that uid again, what it waits for has changed.
    std::function<void(const std::string& uid)> kick{};
    /// Is anything done for the pod with that uid here, or left of it, whether it has an object or not?
    std::function<bool(const std::string& uid)> is_driven{};
  };

  explicit AttachmentController(Context context) : context_(std::move(context)) {}
  ~AttachmentController() { *alive_ = false; }
  AttachmentController(const AttachmentController&) = delete;
  AttachmentController& operator=(const AttachmentController&) = delete;

  /// Must outlive the runner it is added to.
  Controller row();
  /// What it wakes beside changes, it wakes with this.
  void wake_by(Waker wake) { wake_ = wake; }

  /// Why a pod of this host must not mount the volume of its bound claim yet, in Kubernetes' words. Empty: it may, and
  /// from now on the volume is held until the pod is seen to be without it.
  std::string may_mount(const model::Pod& pod, const std::string& volume);

  /// Nothing of the pod with that uid is left here.
  void on_gone(const std::string& uid);

 private:
  using Key = model::ObjectKey;
  using Users = std::vector<PodPtr>;

  void wakes(const store::Change& change, const Waker& wake);
  void wake_all(const Waker& wake) const;
  void wake_for(const model::Pod& pod, const Waker& wake) const;
  Work plan(const Key& key);
  Work release(const std::string& volume);
  Work released(const std::string& volume, const Result<std::vector<std::string>>& mounted);
  void ended(const Key& key);

  bool is_needed(const std::string& volume) const;
  Users users_here(const std::string& volume) const;
  Users users(const std::string& volume) const;
  std::set<std::string> volumes_of(const model::Pod& pod) const;
  bool has_mounted(const std::string& uid, const std::string& volume) const;
  bool is_used(const std::string& volume, const std::vector<std::string>& mounted) const;
  std::string why_not(const std::string& volume) const;
  void kick_users(const std::string& volume) const;

  Context context_;
  std::optional<Waker> wake_;
  std::map<std::string, std::set<std::string>> granted_;  ///< Volumes by uid of a pod that may have mounted them.
  std::set<std::string> asking_;                          ///< Whether anybody has them mounted.
  /// Given back as far as we know. Whatever became of that write: nobody here gets them before they are seen gone.
  std::set<std::string> leaving_;
  std::map<std::string, std::string> said_;  ///< By uid of a pod, of which holder it was told.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
