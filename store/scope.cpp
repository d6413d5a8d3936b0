// store/scope.cpp - see scope.hpp.
#include "store/scope.hpp"

namespace berth::store {

bool in_scope(const Scope& scope, const model::Object& object) {
  if (scope.kind && *scope.kind != object.kind) return false;
  if (!scope.ns.empty() && scope.ns != object.meta.ns) return false;
  if (scope.node.empty() || object.kind != model::Kind::Pod) return true;
  const auto* spec = object.raw.if_contains("spec");
  return spec != nullptr && find_string(*spec, {"nodeName"}) == scope.node;
}

std::optional<Change> scoped(const Scope& scope, const Change& change) {
  const bool after = change.type != ChangeType::Deleted && in_scope(scope, *change.object);
  const bool before = change.previous != nullptr && in_scope(scope, *change.previous);
  if (!after && !before) return std::nullopt;
  if (after && before) return change;
  if (after) return Change{ChangeType::Added, change.object, nullptr, change.revision};
  return Change{ChangeType::Deleted, change.object, change.previous, change.revision};
}

}  // namespace berth::store
