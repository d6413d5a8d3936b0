// volumes/helper/stage.hpp - a device attached, mounted once per host, and shown to pods.
#pragma once

#include "volumes/helper/verbs.hpp"
#include "volumes/volume_job.hpp"

namespace berth::volumes::helper {

/// publish() of devices. See volume_job.hpp.
Answer publish_device(const PublishJob& job);

}  // namespace berth::volumes::helper
