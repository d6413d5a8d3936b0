// model/admission.hpp - what the rest of a store says about a new object: fills in, bounds, refuses. Pure.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/meta.hpp"

namespace berth::model {

/// What is stored at the moment of a write, with the writes before it.
class Stored {
 public:
  virtual ~Stored() = default;
  /// Null when there is none.
  virtual ObjectPtr get(const ObjectKey& key) const = 0;
  /// All of `kind`, in `ns` only unless that is empty.
  virtual std::vector<ObjectPtr> list(Kind kind, std::string_view ns) const = 0;
};

/// Fills in what has to be unique among all objects of a kind, and is chosen by nobody else: asked for each put, inside
/// of its transaction, so that two writes at once never get the same. `old` is what is replaced, null when it is new;
/// `stored` may have it too. An error ends the transaction. On the thread that judges writes: a pure function, and
/// quick for kinds that it has nothing for.
using Completion = std::function<Status(Object& object, const Object* old, const Stored& stored)>;

/// Whoever makes an object, be it a client, a file or a controller: the store asks this before it takes a new one, as
/// Kubernetes' admission plugins do. `raw` is defaulted and valid.
///
/// - A Pod gets the number of its priority class (plugin Priority). A pod that brings the number along needs no class:
/// it
///   was admitted once, or its writer knows no classes.
/// - A Pod that names no imagePullSecrets gets those of its ServiceAccount (ServiceAccount).
/// - The LimitRanges of its namespace fill in what a pod's containers do not say, and bound what they and claims do
///   (LimitRanger).
/// - The ResourceQuotas of its namespace have room for it (ResourceQuota).
///
/// PermissionDenied: forbidden, in Kubernetes' words; it may be allowed later. InvalidArgument: what was filled in does
/// not go with what it says itself.
Status admit_new(Kind kind, json::object& raw, const Stored& stored);

/// Asked before `raw` takes the place of `old`, when it wishes for something else: quotas bound what grows.
/// PermissionDenied, as above.
Status admit_change(Kind kind, const json::object& raw, const json::object& old, const Stored& stored);

}  // namespace berth::model
