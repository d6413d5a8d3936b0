// agent/claims/volume_index.cpp - see volume_index.hpp.
#include "agent/claims/volume_index.hpp"

#include "agent/claims/claim_owner.hpp"
#include "agent/claims/volume_parameters.hpp"

namespace berth::agent {
namespace {

/// Takes `member` out of the collection at `key`, and the collection with the last.
template <typename Map, typename Key, typename Member>
void take_out(Map& map, const Key& key, const Member& member) {
  const auto found = map.find(key);
  if (found == map.end()) return;
  found->second.erase(member);
  if (found->second.empty()) map.erase(found);
}

template <typename Map, typename Key>
const typename Map::mapped_type& at_or_none(const Map& map, const Key& key) {
  static const typename Map::mapped_type kNone;
  const auto found = map.find(key);
  return found == map.end() ? kNone : found->second;
}

}  // namespace

bool is_free(const model::PersistentVolume& volume) {
  return volume.claim_name.empty() && volume.phase != "Bound" && volume.phase != "Released" &&
         volume.phase != "Failed" && !volume.meta.deleting() && !is_being_reclaimed(volume);
}

Name secret_of(const model::PersistentVolume& volume) {
  if (const auto* iscsi = std::get_if<model::IscsiSource>(&volume.source);
      iscsi != nullptr && !iscsi->secret_name.empty()) {
    return {iscsi->secret_ns.empty() ? volume.claim_ns : iscsi->secret_ns, iscsi->secret_name};
  }
  return secret_of(parameters_of(volume), volume.claim_ns);
}

void VolumeIndex::put(VolumePtr volume) {
  drop(volume->meta.name);
  if (!volume->claim_name.empty()) promised_[{volume->claim_ns, volume->claim_name}][volume->meta.name] = volume;
  if (is_free(*volume) && !given_.contains(volume->meta.name)) free_[volume->storage_class_name].insert(volume);
  if (auto secret = secret_of(*volume); !secret.second.empty()) by_secret_[std::move(secret)].insert(volume->meta.name);
  volumes_[volume->meta.name] = std::move(volume);
}

void VolumeIndex::drop(const std::string& name) {
  const auto known = volumes_.find(name);
  if (known == volumes_.end()) return;
  const auto volume = known->second;
  volumes_.erase(known);
  take_out(promised_, Name{volume->claim_ns, volume->claim_name}, volume->meta.name);
  take_out(free_, volume->storage_class_name, volume);
  take_out(by_secret_, secret_of(*volume), volume->meta.name);
}

void VolumeIndex::give(const std::string& name) {
  given_.insert(name);
  if (const auto volume = find(name)) take_out(free_, volume->storage_class_name, volume);
}

void VolumeIndex::take_back(const std::string& name) {
  given_.erase(name);
  const auto volume = find(name);
  if (volume && is_free(*volume)) free_[volume->storage_class_name].insert(volume);
}

VolumePtr VolumeIndex::find(const std::string& name) const {
  const auto found = volumes_.find(name);
  return found == volumes_.end() ? nullptr : found->second;
}

const std::map<std::string, VolumePtr>& VolumeIndex::promised(const Name& claim) const {
  return at_or_none(promised_, claim);
}
const VolumeIndex::Free& VolumeIndex::free(const std::string& storage_class) const {
  return at_or_none(free_, storage_class);
}
const std::set<std::string>& VolumeIndex::with_secret(const Name& secret) const {
  return at_or_none(by_secret_, secret);
}

}  // namespace berth::agent
