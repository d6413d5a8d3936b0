// agent/claims/volume_index.hpp - PersistentVolumes by the claim they are promised to, by class and size, by secret.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "agent/objects/object_index.hpp"
#include "model/model.hpp"

namespace berth::agent {

using VolumePtr = std::shared_ptr<const model::PersistentVolume>;

/// The smallest first; of equal size by name.
struct BySize {
  bool operator()(const VolumePtr& a, const VolumePtr& b) const {
    return std::tie(a->capacity, a->meta.name) < std::tie(b->capacity, b->meta.name);
  }
  using is_transparent = void;
  bool operator()(const VolumePtr& a, const model::Quantity& size) const { return a->capacity < size; }
  bool operator()(const model::Quantity& size, const VolumePtr& a) const { return size < a->capacity; }
};

/// Kept up to date volume by volume: nobody has to look through all of them for one claim's.
class VolumeIndex {
 public:
  using Free = std::set<VolumePtr, BySize>;

  /// In the place of what was known by that name.
  void put(VolumePtr volume);
  void drop(const std::string& name);

  /// It is about to be somebody's: not free any more, though it is not stored yet.
  void give(const std::string& name);
  /// That has been stored, or has failed: its object says what it is.
  void take_back(const std::string& name);

  /// Null when there is none.
  VolumePtr find(const std::string& name) const;
  /// With a claimRef to a claim of that name, by name.
  const std::map<std::string, VolumePtr>& promised(const Name& claim) const;
  /// Of that class, and nobody's.
  const Free& free(const std::string& storage_class) const;
  /// Names of volumes whose target or pool asks for that secret.
  const std::set<std::string>& with_secret(const Name& secret) const;

 private:
  std::map<std::string, VolumePtr> volumes_;
  std::map<Name, std::map<std::string, VolumePtr>> promised_;
  std::map<std::string, Free> free_;
  std::map<Name, std::set<std::string>> by_secret_;
  std::set<std::string> given_;
};

/// Neither promised nor used before, and not on its way out.
bool is_free(const model::PersistentVolume& volume);

/// The secret that the volume's iSCSI target, or the parameters it was made with, name; ("", "") when there is none.
Name secret_of(const model::PersistentVolume& volume);

}  // namespace berth::agent
