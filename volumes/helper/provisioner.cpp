// volumes/helper/provisioner.cpp - the provisioners by name.
#include "volumes/helper/provisioner.hpp"

#include "volumes/helper/loop_provisioner.hpp"
#include "volumes/helper/lvm_provisioner.hpp"
#include "volumes/helper/nfs_provisioner.hpp"
#include "volumes/helper/pool_provisioner.hpp"

namespace berth::volumes::helper {

json::object provisioned(const model::PersistentSource& source, std::int64_t bytes, bool local) {
  return {{"source", model::encode_source(source)}, {"bytes", bytes}, {"local", local}};
}

std::unique_ptr<Provisioner> find_provisioner(std::string_view name) {
  if (name == "berth.io/loop") return make_loop_provisioner();
  if (name == "berth.io/lvm") return make_lvm_provisioner();
  if (name == "berth.io/nfs") return make_nfs_provisioner();
  if (name == "berth.io/pool") return make_pool_provisioner();
  return nullptr;
}

}  // namespace berth::volumes::helper
