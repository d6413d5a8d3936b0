// volumes/helper/publish.cpp - brings a volume to a pod.
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {

Answer publish(const PublishJob& job) { return Error(ErrorCode::Unimplemented, job.volume.name + ": not yet"); }
Answer unpublish(const UnpublishJob& /*job*/) { return Error(ErrorCode::Unimplemented, "not yet"); }

}  // namespace berth::volumes::helper
