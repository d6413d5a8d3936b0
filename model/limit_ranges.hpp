// model/limit_ranges.hpp - what the LimitRanges of a namespace say about a new pod or claim. Pure.
#pragma once

#include "model/admission.hpp"

namespace berth::model {

/// Fills in what containers do not say (plugin LimitRanger), and notes it in the annotation kubernetes.io/limit-ranger.
/// False: there was nothing to fill in.
bool fill_by_limit_ranges(json::object& pod, const Stored& stored);

/// PermissionDenied, in Kubernetes' words: below a minimum, above a maximum, or a limit too many times its request.
Status judge_by_limit_ranges(Kind kind, const json::object& raw, const Stored& stored);

/// What was filled in when `old` was made stays where `pod`, which is to replace it, leaves it open.
void keep_of_limit_ranges(json::object& pod, const json::object& old);

}  // namespace berth::model
