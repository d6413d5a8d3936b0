// store/problem_list.hpp - what of a store needs a person: said once, kept while it is so.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "store/store.hpp"

namespace berth::store {

/// Any thread.
class ProblemList {
 public:
  /// `on_new` may be empty.
  explicit ProblemList(std::function<void(const StoreProblem&)> on_new) : on_new_(std::move(on_new)) {}

  /// One problem for each `about`; another text is another problem.
  void report(const std::string& about, const StoreProblem& problem) {
    {
      const std::scoped_lock lock(mutex_);
      auto& known = problems_[about];
      if (known == problem) return;
      known = problem;
    }
    if (on_new_) on_new_(problem);
  }
  void solve(const std::string& about) {
    const std::scoped_lock lock(mutex_);
    problems_.erase(about);
  }
  std::vector<StoreProblem> all() const {
    const std::scoped_lock lock(mutex_);
    std::vector<StoreProblem> all;
    for (const auto& [about, problem] : problems_) all.push_back(problem);
    return all;
  }

 private:
  const std::function<void(const StoreProblem&)> on_new_;
  mutable std::mutex mutex_;
  std::map<std::string, StoreProblem> problems_;  ///< By what they are about.
};

}  // namespace berth::store
