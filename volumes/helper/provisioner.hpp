// volumes/helper/provisioner.hpp - who makes volumes for claims: one implementation per file.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {

/// See the jobs in volume_job.hpp for what each answers and its errors. Every call may be repeated.
class Provisioner {
 public:
  virtual ~Provisioner() = default;
  virtual Answer provision(const ProvisionJob& job) = 0;
  virtual Answer expand(const ExpandJob& job) = 0;
  virtual Answer reclaim(const ReclaimJob& job) = 0;
};

/// What provision() answers, see ProvisionJob. Pure.
json::object provisioned(const model::PersistentSource& source, std::int64_t bytes, bool local);

/// By StorageClass.provisioner: "berth.io/nfs", "berth.io/lvm", "berth.io/loop", "berth.io/pool"; null when unknown.
std::unique_ptr<Provisioner> find_provisioner(std::string_view name);

}  // namespace berth::volumes::helper
