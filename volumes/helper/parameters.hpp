// volumes/helper/parameters.hpp - reads the parameters of a StorageClass and says what is wrong with them. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/model.hpp"

namespace berth::volumes::helper {

/// One use: ask for every parameter there is, in the order in which a message shall list them, then take(). A parameter
/// that nobody asked for is an error, as are values that cannot be. The first error counts:
///
///     parameters.fstype: no such parameter; did you mean fsType? there are: directory, fsType
///     parameters.wipe: "maybe": must be none, signatures, zero or discard
class ParameterReader {
 public:
  explicit ParameterReader(const model::StringMap& parameters) : parameters_(parameters) {}

  /// The text; absent: `fallback`.
  std::string text(const std::string& name, std::string_view fallback = {});
  /// The text, which has to be there and not empty.
  std::string required(const std::string& name);
  /// An absolute path without "." and ".." and double slashes; absent: empty.
  std::string path(const std::string& name);
  /// "true" or "false".
  bool flag(const std::string& name, bool fallback = false);
  /// One of `words`; absent: the first.
  std::string one_of(const std::string& name, std::initializer_list<std::string_view> words);
  /// A whole number from `least` to `most`; absent: `fallback`.
  std::int64_t number(const std::string& name, std::int64_t least, std::int64_t most, std::int64_t fallback);
  /// "fsType": ext4 (the default) or xfs.
  std::string fs_type() { return one_of("fsType", {"ext4", "xfs"}); }
  /// Words between commas, blanks around them dropped, empty ones too.
  std::vector<std::string> list(const std::string& name);
  bool has(const std::string& name) const { return parameters_.contains(name); }

  /// Notes something that only the caller can see: `parameters.<name>: <what>`.
  void fail(const std::string& name, std::string_view what);

  /// `value`, or the first error (InvalidArgument).
  template <typename T>
  Result<T> take(T value) {
    if (auto checked = check(); !checked) return checked.error();
    return value;
  }

 private:
  Status check();

  const model::StringMap& parameters_;
  std::vector<std::string> known_;
  std::string failure_;
};

/// What a file system of this type has at least: mkfs.xfs refuses less than 300 MiB. Pure.
std::int64_t minimum_bytes(std::string_view fs_type);

}  // namespace berth::volumes::helper
