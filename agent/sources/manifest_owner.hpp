// agent/sources/manifest_owner.hpp - whose an object is: the file that made it, as its annotation says.
#pragma once

#include <string>
#include <string_view>

#include "model/meta.hpp"

namespace berth::agent {

/// On each object that a file made: the node and the file's id ("worker1/directory:/etc/berth/manifests/web.yaml";
/// without the node in objects of berth 0.1, and where the file is of a source of the cluster:
/// "cluster:shop/web.yaml"), and the hash of what the file said about it. While the hash is the same the file leaves
/// the object alone, so that a later `kubectl scale` holds.
constexpr std::string_view kSourceAnnotation = "berth.io/source";
constexpr std::string_view kSourceHashAnnotation = "berth.io/source-hash";

struct ManifestOwner {
  std::string node;      ///< Empty in what berth 0.1 wrote, and when it is the cluster's.
  std::string id;        ///< Of the file; empty: nobody's.
  bool foreign = false;  ///< Another node's file: not ours to judge.
};

/// Pure. Who reads a source of the cluster is not known here: it is not `foreign`.
ManifestOwner owner_of(const model::Object& object, const std::string& node);

}  // namespace berth::agent
