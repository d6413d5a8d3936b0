// api/writes/claim_resize.cpp - see claim_resize.hpp.
#include "api/writes/claim_resize.hpp"

#include <fmt/format.h>

#include "api/encoding/field.hpp"

namespace berth::api {
namespace {

model::Quantity requested(const json::object& claim) {
  const auto amount = model::Quantity::parse(text_at(claim, {"spec", "resources", "requests", "storage"}));
  return amount ? *amount : model::Quantity();
}

bool class_allows(const store::Store& store, const json::object& stored, const json::object& now) {
  const auto name = text_at(stored, {"spec", "storageClassName"});
  if (name.empty() || name != text_at(now, {"spec", "storageClassName"})) return false;
  const auto found = store.get({model::Kind::StorageClass, {}, std::string(name)});
  return found && flag_at(found->raw, {"allowVolumeExpansion"});
}

}  // namespace

std::optional<ApiError> refuse_resize(const store::Store& store, const model::Object& stored, const json::object& now) {
  if (stored.kind != model::Kind::PersistentVolumeClaim || !(requested(stored.raw) < requested(now))) {
    return std::nullopt;
  }
  std::string_view why;
  if (text_at(stored.raw, {"status", "phase"}) != "Bound") {
    why = "Only bound persistent volume claims can be expanded";
  } else if (!class_allows(store, stored.raw, now)) {
    why =
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support "
        "resize";
  } else {
    return std::nullopt;
  }
  return not_permitted(model::info(stored.kind), stored.meta.name, why);
}

}  // namespace berth::api
