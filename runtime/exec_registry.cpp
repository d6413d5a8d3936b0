// runtime/exec_registry.cpp - see exec_registry.hpp.
#include "runtime/exec_registry.hpp"

namespace berth::runtime {

void ExecRegistry::add(const std::string& exec, const std::string& container, OnExit on_exit) {
  const std::scoped_lock lock(mutex_);
  entries_[exec] = {container, std::move(on_exit)};
}

void ExecRegistry::forget(const std::string& exec) {
  const std::scoped_lock lock(mutex_);
  entries_.erase(exec);
}

void ExecRegistry::resolve(const std::string& exec, const Result<std::int32_t>& result) {
  OnExit on_exit;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(exec);
    if (found == entries_.end()) return;
    on_exit = std::move(found->second.on_exit);
    entries_.erase(found);
  }
  on_exit(result);
}

std::vector<ExecRegistry::Pending> ExecRegistry::pending(const std::string& container) {
  const std::scoped_lock lock(mutex_);
  std::vector<Pending> found;
  for (const auto& [exec, entry] : entries_) {
    if (container.empty() || entry.container == container) found.push_back({exec, entry.container});
  }
  return found;
}

}  // namespace berth::runtime
