// volumes/helper/verbs.hpp - the verbs of berth-volume. Each blocks as long as it has to: this process is disposable.
#pragma once

#include <chrono>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "volumes/volume_job.hpp"

namespace berth::volumes::helper {

using Answer = Result<json::object>;

Answer publish(const PublishJob& job);
Answer unpublish(const UnpublishJob& job);
Answer check(const CheckJob& job);
Answer sub_path(const SubPathJob& job);
Answer provision(const ProvisionJob& job);
Answer expand(const ExpandJob& job);
Answer reclaim(const ReclaimJob& job);

/// Tells the agent what is being done now, and for how long that may take before this process is given up.
void say_doing(std::string_view what, std::chrono::seconds may_take);

}  // namespace berth::volumes::helper
