// api/writes/claim_resize.hpp - may a claim grow? What Kubernetes asks in its admission plugin
// PersistentVolumeClaimResize.
#pragma once

#include <optional>

#include "api/request/api_error.hpp"
#include "store/store.hpp"

namespace berth::api {

/// 403 when `now` asks for more storage than the stored claim did and nobody would make its volume larger: the claim is
/// not bound, or its class does not allow it. Objects of other kinds are let pass. API thread.
std::optional<ApiError> refuse_resize(const store::Store& store, const model::Object& stored, const json::object& now);

}  // namespace berth::api
