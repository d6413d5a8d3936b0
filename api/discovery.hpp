// api/discovery.hpp - which resources there are: /api, /apis, /api/v1, /apis/GROUP/VERSION, /version. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "model/meta.hpp"

namespace berth::api {

/// The discovery document at that path; nullopt when there is none.
std::optional<json::object> discovery(const std::vector<std::string>& segments);

/// May `verb` ("get", "scale", ...) be used on it? The verbs that discovery announces.
bool has_status(model::Kind kind);
bool has_scale(model::Kind kind);

}  // namespace berth::api
