// agent/objects/pod_facts.hpp - what a pod's fields mean to more than one wing. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/model.hpp"

namespace berth::agent {

/// Succeeded or Failed.
bool is_terminal(const model::Pod& pod);

/// The label controller-revision-hash.
std::string_view revision_of(const model::Pod& pod);

/// What a pod spec mentions, in its namespace; each name once, sorted.
struct References {
  std::vector<std::string> config_maps;
  std::vector<std::string> secrets;
  std::vector<std::string> claims;
  std::vector<std::string> pull_secrets;
};
References references_of(const model::PodSpec& spec);

}  // namespace berth::agent
