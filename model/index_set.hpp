// model/index_set.hpp - a set of small numbers as Jobs write them: "1,3-5,7".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::model {

/// Numbers from 0 on, kept as ranges: a hundred thousand that are next to each other cost as much as one.
class IndexSet {
 public:
  /// InvalidArgument: not numbers in rising order, or one that is not below `limit`. Empty text is the empty set.
  static Result<IndexSet> parse(std::string_view text, std::int32_t limit);
  /// What can be read of it, for what was written before: numbers from `limit` on are left out.
  static IndexSet read(std::string_view text, std::int32_t limit);

  void add(std::int32_t index) { add_range(index, index); }
  bool contains(std::int32_t index) const;
  std::int32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// How many of ours are in `other` as well.
  std::int32_t common(const IndexSet& other) const;

  /// "1,3-5,7,8": from three on a range, as Kubernetes writes them.
  std::string text() const;

  bool operator==(const IndexSet&) const = default;

 private:
  void add_range(std::int32_t first, std::int32_t last);

  std::map<std::int32_t, std::int32_t> ranges_;  ///< First to last; never touching each other.
  std::int32_t size_ = 0;
};

}  // namespace berth::model
