// model/reader.hpp - typed access to JSON fields; wrong types and missing fields are noted with their path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "model/meta.hpp"
#include "model/quantity.hpp"

namespace berth::model {

/// One thing that is wrong, and where: what a Problem becomes before file and line are known.
struct Issue {
  std::string field;
  std::string message;
};
using Issues = std::vector<Issue>;

/// What a JSON value is, in the words of a message: "a string", "a number", "a list", ...
std::string_view describe(const json::value& value);

/// The integer a JSON number stands for: 3, 3.0; none for 3.5, "3" and what int64 cannot hold.
std::optional<std::int64_t> as_integer(const json::value& value);

/// The text of a quantity, which Kubernetes takes as a string and as a bare number: 0.5 is "0.5". None for anything
/// else.
std::optional<std::string> quantity_text(const json::value& value);

/// A cursor on one JSON object (or on nothing: an absent field). Getters return the zero value for
/// absent and null fields; a value of another type is noted in the issues and read as absent.
/// Outlived by the JSON and by the Issues it was made with. Paths are built only for nested
/// objects and for messages.
class Reader {
 public:
  Reader(const json::value* value, std::string path, Issues& issues);
  Reader(const json::object& object, std::string path, Issues& issues)
      : object_(&object), path_(std::move(path)), issues_(&issues) {}

  bool present() const { return object_ != nullptr; }
  const std::string& path() const { return path_; }
  const json::object* raw() const { return object_; }

  /// The member `name`; null when absent or JSON null.
  const json::value* get(std::string_view name) const;
  bool has(std::string_view name) const { return get(name) != nullptr; }

  std::string text(std::string_view name, std::string_view fallback = {}) const;
  bool flag(std::string_view name, bool fallback = false) const;
  std::optional<bool> maybe_flag(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t fallback = 0) const;
  std::optional<std::int64_t> maybe_integer(std::string_view name) const;
  std::int32_t int32(std::string_view name, std::int32_t fallback = 0) const;
  std::optional<std::int32_t> maybe_int32(std::string_view name) const;
  /// A string, or an integer as decimal text: IntOrString.
  std::string int_or_text(std::string_view name) const;
  Quantity quantity(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  std::vector<std::int64_t> integers(std::string_view name) const;
  StringMap text_map(std::string_view name) const;
  std::map<std::string, Quantity> quantity_map(std::string_view name) const;

  /// The object at `name`; a reader on nothing when absent.
  Reader child(std::string_view name) const;
  /// The objects of the list at `name`; empty when absent.
  std::vector<Reader> children(std::string_view name) const;

  /// "spec.containers[0]" + "image" → "spec.containers[0].image"; keys that are not plain words become ["..."].
  std::string path_of(std::string_view name) const;
  std::string path_of(std::string_view name, std::size_t index) const;

  /// Notes that field `name` (empty: this object) is wrong.
  void fail(std::string_view name, std::string message) const;

  Issues& issues() const { return *issues_; }

 private:
  void wrong_type(std::string_view name, std::string_view wanted, const json::value& found) const;

  const json::object* object_ = nullptr;
  std::string path_;
  Issues* issues_;
};

/// A field path with one more step.
std::string join_path(std::string_view path, std::string_view name);

/// InvalidArgument with the first of what was noted.
inline Error first_of(const Issues& issues) {
  return {ErrorCode::InvalidArgument, issues.front().field + ": " + issues.front().message};
}

/// `value`, unless something was noted: then InvalidArgument with the first issue.
template <typename T>
Result<T> unless_issues(T value, const Issues& issues) {
  if (issues.empty()) return value;
  return first_of(issues);
}

}  // namespace berth::model
