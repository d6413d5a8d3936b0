// agent/sources/manifest_applier.hpp - makes the store hold what the sources say.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/sources/manifest_owner.hpp"
#include "agent/sources/source_snapshot.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "model/host_status.hpp"
#include "store/store.hpp"

namespace berth::agent {

struct Finding {
  LogLevel level = LogLevel::Error;  ///< Error or Warning.
  model::Problem problem;
  std::string source;  ///< Its SourceSnapshot's name.
};

struct PlannedWrite {
  enum class Verb { Create, Update, Remove };
  Verb verb = Verb::Create;
  model::ObjectKey key;
  json::object raw;              ///< For Create and Update.
  store::Revision expected = 0;  ///< For Update and Remove: what was seen.
  std::string file;              ///< Id of the file for whose sake; empty for a namespace that is made for others.
};

/// What to write now, and what is wrong now.
struct ManifestPlan {
  std::vector<PlannedWrite> writes;  ///< In the order to make them.
  std::vector<Finding> findings;
};

/// What a plan may see of the store.
using StoredObjects = std::map<model::ObjectKey, model::ObjectPtr>;

/// Where a pod that a file makes may run: on the one host there is, or only on the one that has the file, as other
/// hosts share the store. One of a source of the cluster may run anywhere.
enum class OwnPods { Anywhere, Here };

/// Pure. `sources` in the order of the configuration, each as last read; `stored` holds at least every object that a
/// file of this node or of the cluster made, every one that a file names, and the namespaces of those.
///
/// - An object is made, or changed when its file says something new about it; what the file does not say and the
///   agent keeps in it (status, a bound volume's name, ...) stays. One without an owner is taken over, with a warning.
/// - Two files that claim one object: its owner, else the first in order, keeps it; the other has an error.
/// - A pod whose new text changes what cannot change is deleted first and made again when it is gone.
/// - A pod of a file is its host's (`own_pods` Here), unless it names a node: another host may have the same file.
/// - What another node's manifests made is left alone, and so is what a source of the cluster made that is not among
///   `sources`; saying the same as they do is no error. Where a file of the cluster does, it becomes the owner: a
///   directory that was each host's becomes the cluster's.
/// - What no file claims any more is deleted, but only if the file that made it was found missing or without it: its
///   source was read completely and the file itself is sound. Claims (PVCs) and namespaces are never deleted.
/// - A namespace that is used but not there is made. One that is being deleted gets nothing new; once it is gone, the
///   files make it and theirs again.
ManifestPlan plan_manifests(const std::vector<SourceSnapshot>& sources, const StoredObjects& stored,
                            const std::string& node, OwnPods own_pods, WallTime now);

/// The boring part: keeps the last snapshot of each source, reads the store, makes the plan's writes, tries again when
/// it lost a race or the store was away. It knows which objects files made from the store's changes, so that a plan
/// reads those and no others; before the store has told, nothing is planned. Loop thread.
class ManifestApplier {
 public:
  /// `report` hears each finding once, and again only after it had gone.
  ManifestApplier(Loop& loop, store::Store& store, const Clock& clock, std::string node, OwnPods own_pods,
                  std::function<void(const Finding&)> report);
  ~ManifestApplier();
  ManifestApplier(const ManifestApplier&) = delete;
  ManifestApplier& operator=(const ManifestApplier&) = delete;

  /// Takes what a source said; an incomplete snapshot leaves what was there before.
  void take(SourceSnapshot snapshot);

  /// Another host applies that source: until told otherwise nothing is planned for it, though it is heard.
  void stand_by(const std::string& source, bool standing_by);

  /// That is to be said of the source, besides what is found; empty: nothing any more.
  void say(const std::string& source, const std::string& warning);

  /// Hears of each plan's outcome: what each source that spoke said last, and what is wrong with it now.
  void on_status(std::function<void(std::vector<model::SourceStatus>)> listener) { on_status_ = std::move(listener); }

  /// No write is under way and no plan is needed.
  bool idle() const { return outstanding_ == 0 && !again_; }

 private:
  struct Told {
    Finding finding;
    WallTime since{};
  };

  using Keys = std::set<model::ObjectKey>;

  /// Made by a file that is this node's or the cluster's.
  bool may_be_ours(const model::Object& object) const;
  bool concerns_us(const store::Change& change) const;
  void follow();
  void on_change(const store::Change& change);
  bool is_news(const SourceSnapshot& snapshot) const;
  void plan_soon();
  void plan_now();
  void write(PlannedWrite write);
  void written(const model::ObjectKey& key, const std::string& file, const Status& status);
  void tell(const std::vector<Finding>& findings, bool all);
  StoredObjects look() const;
  std::vector<model::SourceStatus> status() const;

  Loop& loop_;
  store::Store& store_;
  const Clock& clock_;
  const std::string node_;
  const OwnPods own_pods_;
  std::function<void(const Finding&)> report_;
  std::function<void(std::vector<model::SourceStatus>)> on_status_;
  std::vector<SourceSnapshot> sources_;          ///< In the order in which they first spoke.
  std::map<std::string, std::string> unread_;    ///< Source to error, while it cannot be read.
  std::map<std::string, WallTime> read_;         ///< Source to when it was last read whole.
  std::set<std::string> standing_by_;            ///< Sources that another host applies.
  std::map<std::string, std::string> said_;      ///< By source: see say().
  std::map<model::ObjectKey, Finding> refused_;  ///< Writes that failed in the last round.
  std::map<std::string, Told> told_;             ///< By Problem::text().
  std::optional<Keys> made_;                     ///< Those that may_be_ours(); nullopt: the store has not told yet.
  Keys telling_;                                 ///< The same, while the store tells. Its thread's.
  std::size_t outstanding_ = 0;
  bool again_ = false;
  std::unique_ptr<LoopHandle> retry_;
  std::unique_ptr<store::Watch> watch_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< Loop thread only.
};

}  // namespace berth::agent
