// model/admission_internal.hpp - the shared pieces of admission, inside model/ only.
#pragma once

#include <string_view>

#include "model/admission.hpp"

namespace berth::model {

/// `pods "web" is forbidden: <why>`
Error forbidden(Kind kind, const json::object& raw, std::string_view why);
/// metadata.namespace; empty when it says none.
std::string_view namespace_in(const json::object& raw);

/// What a pod gets of its priority class, see admit_new().
Status admit_priority(json::object& pod, const Stored& stored);

}  // namespace berth::model
