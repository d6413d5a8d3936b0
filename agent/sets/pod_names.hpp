// agent/sets/pod_names.hpp - names for pods that have no number: NAME-x7k2p. Loop thread.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace berth::agent {

/// A name that was asked for and has not been seen is asked for again: a creation whose answer was lost is refused the
/// second time, where another name would make a second pod. Never is a name given out again that a pod has had.
class PodNames {
 public:
  /// `count` names for pods of the set `prefix`; `is_seen` says that an object has the name.
  std::vector<std::string> draw(const std::string& prefix, std::size_t count,
                                const std::function<bool(const std::string&)>& is_seen);
  /// A pod of that name was there.
  void seen(const std::string& name) { asked_.erase(name); }

 private:
  std::set<std::string> asked_;
};

}  // namespace berth::agent
