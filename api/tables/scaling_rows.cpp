// api/tables/scaling_rows.cpp - autoscalers as rows.
#include <string>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/tables/human_duration.hpp"

namespace berth::api {

json::array autoscaler_cells(const model::Object& autoscaler, WallTime now) {
  const auto& raw = autoscaler.raw;
  const auto minimum = number_at(raw, {"spec", "minReplicas"});
  return {autoscaler.meta.name,
          fmt::format("{}/{}", text_at(raw, {"spec", "scaleTargetRef", "kind"}),
                      text_at(raw, {"spec", "scaleTargetRef", "name"})),
          "<none>",
          fmt::format("{}", minimum == 0 ? 1 : minimum),
          fmt::format("{}", number_at(raw, {"spec", "maxReplicas"})),
          number_at(raw, {"status", "currentReplicas"}),
          age_since(autoscaler.meta.creation_timestamp, now)};
}

}  // namespace berth::api
