// api/writes/duplicate_fields.cpp - finds members that a JSON object has twice; parsers keep the last and say nothing.
#include <boost/json/basic_parser_impl.hpp>

#include <set>

#include <fmt/format.h>

#include "api/writes/field_check.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kMaxFindings = 100;
constexpr std::size_t kMaxDepth = 64;

/// Callbacks of Boost.JSON's parser (basic_parser); each returns whether to go on.
struct Watcher {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using error_code = boost::json::error_code;
  using text = boost::json::string_view;

  struct Frame {
    bool is_array = false;
    std::size_t next = 0;        ///< Of an array: how many elements have begun.
    std::set<std::string> keys;  ///< Of an object.
    std::string key;             ///< Of an object: the member that is being read.
  };

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return begin(/*is_array=*/false); }
  bool on_object_end(std::size_t, error_code&) { return end(); }
  bool on_array_begin(error_code&) { return begin(/*is_array=*/true); }
  bool on_array_end(std::size_t, error_code&) { return end(); }
  bool on_key_part(text part, std::size_t, error_code&) {
    key.append(part.data(), part.size());
    return true;
  }
  bool on_key(text part, std::size_t, error_code&) {
    key.append(part.data(), part.size());
    auto& frame = frames.back();
    frame.key = std::move(key);
    key.clear();
    if (!frame.keys.insert(frame.key).second && found.size() < kMaxFindings) found.push_back(path());
    return true;
  }
  bool on_string_part(text, std::size_t, error_code&) { return true; }
  bool on_string(text, std::size_t, error_code&) { return scalar(); }
  bool on_number_part(text, error_code&) { return true; }
  bool on_int64(std::int64_t, text, error_code&) { return scalar(); }
  bool on_uint64(std::uint64_t, text, error_code&) { return scalar(); }
  bool on_double(double, text, error_code&) { return scalar(); }
  bool on_bool(bool, error_code&) { return scalar(); }
  bool on_null(error_code&) { return scalar(); }
  bool on_comment_part(text, error_code&) { return true; }
  bool on_comment(text, error_code&) { return true; }

  bool begin(bool is_array) {
    scalar();
    Frame frame;
    frame.is_array = is_array;
    frames.push_back(std::move(frame));
    return true;
  }
  bool end() {
    frames.pop_back();
    return true;
  }
  /// A value begins: in an array it is the next element.
  bool scalar() {
    if (!frames.empty() && frames.back().is_array) ++frames.back().next;
    return true;
  }

  std::string path() const {
    std::string out;
    for (const auto& frame : frames) {
      if (frame.is_array) {
        out += fmt::format("[{}]", frame.next - 1);
      } else {
        if (!out.empty()) out += '.';
        out += frame.key;
      }
    }
    return out;
  }

  std::vector<Frame> frames;
  std::string key;
  std::vector<std::string> found;
};

}  // namespace

std::vector<std::string> duplicate_fields(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::json::basic_parser<Watcher> parser(options);
  boost::json::error_code error;
  parser.write_some(/*more=*/false, text.data(), text.size(), error);
  if (error) return {};
  return std::move(parser.handler().found);
}

}  // namespace berth::api
