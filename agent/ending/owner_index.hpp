// agent/ending/owner_index.hpp - who owns whom, and at which objects a garbage collector has to look. Pure.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "model/meta.hpp"

namespace berth::agent {

/// Kept by changes, so that what is to be collected is known without a look at what there is. It may name an object too
/// many, never one too few: only a plan, which reads the object and its owners, decides.
class OwnerIndex {
 public:
  using Keys = std::set<model::ObjectKey>;
  /// Is an object of this uid stored under the key?
  using IsThere = std::function<bool(const model::ObjectKey& key, const std::string& uid)>;

  /// Takes an object that is not known, or was dropped. Asks `is_there` for those of its owners that are not known yet.
  void add(const model::Object& object, const IsThere& is_there);
  /// `object` as it was added.
  void drop(const model::Object& object);
  /// The object has the owners that it had; but is it being deleted?
  void note_deletion(const model::Object& object);
  /// There is no object of this uid any more: what it owned has to be looked at.
  void lose(const std::string& uid);
  /// A plan found nothing to do about the owners of the object: not before they change.
  void found_sound(const model::ObjectKey& key) { lost_.erase(key); }

  /// By the uid of their owner.
  const Keys& dependents_of(const std::string& uid) const;
  /// Have an owner that is not known to be there.
  const Keys& lost() const { return lost_; }
  /// Are being deleted: a finalizer holds them, or they are nobody else's to end.
  const Keys& ending() const { return ending_; }

 private:
  friend class OwnerSurvey;
  struct Owner {
    std::optional<model::ObjectKey> there;  ///< Where it is, if it is.
    Keys dependents;
  };

  std::map<std::string, Owner> owners_;  ///< By uid.
  Keys lost_;
  Keys ending_;
};

/// Makes the index of a snapshot, object by object, and asks nobody: who is an owner may come after what it owns.
class OwnerSurvey {
 public:
  void see(const model::Object& object);
  /// All were seen.
  OwnerIndex end();

 private:
  std::map<std::string, model::ObjectKey> seen_;  ///< By uid.
  OwnerIndex index_;
};

}  // namespace berth::agent
