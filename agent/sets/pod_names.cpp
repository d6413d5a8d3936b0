// agent/sets/pod_names.cpp - see pod_names.hpp.
#include "agent/sets/pod_names.hpp"

#include "model/generated_name.hpp"

namespace berth::agent {

std::vector<std::string> PodNames::draw(const std::string& prefix, std::size_t count,
                                        const std::function<bool(const std::string&)>& is_seen) {
  std::erase_if(asked_, is_seen);
  std::vector<std::string> names(asked_.begin(), asked_.end());
  if (names.size() > count) names.resize(count);
  while (names.size() < count) {
    auto name = model::generated_name(prefix + "-");
    if (!is_seen(name) && asked_.insert(name).second) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace berth::agent
