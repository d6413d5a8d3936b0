// agent/objects/attachment_key.hpp - the object that says which node has a volume: its name, and which of them are
// ours.
#pragma once

#include <string>
#include <string_view>

#include "model/meta.hpp"

namespace berth::agent {

/// spec.attacher of what agents make; those of others are not touched, and count all the same.
constexpr std::string_view kAttacher = "berth.io";

/// Called after the volume, so that there is one at most.
inline model::ObjectKey attachment_key(const std::string& volume) {
  return {model::Kind::VolumeAttachment, "", volume};
}

}  // namespace berth::agent
