// model/yaml_reader.cpp - see yaml_reader.hpp; parsing is yaml-cpp's, the values are ours.
#include "model/yaml_reader.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "base/utf8.hpp"
#include "model/base64.hpp"

namespace berth::model {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

/// Leaves the handler through yaml-cpp; caught in read_yaml.
class ReadError : public std::runtime_error {
 public:
  ReadError(int line, const std::string& message) : std::runtime_error(message), line_(line) {}
  int line() const { return line_; }

 private:
  int line_;
};

int line_at(const YAML::Mark& mark) { return mark.line + 1; }

/// How much of the limits is left. Copies made for anchors and aliases are paid for too.
class Budget {
 public:
  explicit Budget(const YamlLimits& limits) : limits_(limits), nodes_(limits.nodes), bytes_(limits.bytes * 2) {}

  void spend(std::size_t nodes, std::size_t bytes, int line) {
    if (nodes > nodes_) throw ReadError(line, fmt::format("more than {} values", limits_.nodes));
    if (bytes > bytes_)
      throw ReadError(line, fmt::format("more than {} bytes once aliases are expanded", limits_.bytes * 2));
    nodes_ -= nodes;
    bytes_ -= bytes;
  }

  void spend_copy(const json::value& value, int line) {
    if (const auto* text = value.if_string()) return spend(1, text->size(), line);
    spend(1, 0, line);
    if (const auto* list = value.if_array()) {
      for (const auto& item : *list) spend_copy(item, line);
    }
    if (const auto* map = value.if_object()) {
      for (const auto& entry : *map) {
        spend(0, entry.key().size(), line);
        spend_copy(entry.value(), line);
      }
    }
  }

 private:
  const YamlLimits& limits_;
  std::size_t nodes_;
  std::size_t bytes_;
};

/// A map key as text: numbers and booleans become what sigs.k8s.io/yaml makes of them.
std::string key_text(const json::value& key, int line) {
  if (const auto* text = key.if_string()) return std::string(text->data(), text->size());
  if (const auto* flag = key.if_bool()) return *flag ? "true" : "false";
  if (const auto* number = key.if_double()) return fmt::format("{}", static_cast<float>(*number));
  if (key.is_number()) return json::serialize(key);
  throw ReadError(line, "a key must be a scalar, not null, a list or a mapping");
}

/// Builds one document from events.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const YamlLimits& limits, Budget& budget) : limits_(limits), budget_(budget) {}

  YamlDocument take() { return std::move(document_); }
  std::vector<YamlStream::Note> take_notes() { return std::move(notes_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf(nullptr, line_at(mark), anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw ReadError(line_at(mark), "an alias inside the value that it names");
    budget_.spend_copy(found->second, line_at(mark));
    add(found->second, LineNode{line_at(mark), {}, {}});
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const auto line = line_at(mark);
    budget_.spend(0, text.size(), line);
    const bool merge = tag == "?" && text == "<<" && expects_key();
    if (merge) {
      frames_.back().merging = true;
      frames_.back().key = text;
      frames_.back().key_line = line;
      return;
    }
    leaf(scalar(tag, text, line), line, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(json::array(), line_at(mark), anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(json::object(), line_at(mark), anchor);
  }
  void OnMapEnd() override {
    merge_into_top();
    close();
  }

 private:
  struct Frame {
    json::value value;
    LineNode lines;
    YAML::anchor_t anchor = 0;
    std::optional<std::string> key;  ///< In a mapping: the key whose value comes next.
    int key_line = 0;
    bool merging = false;                                ///< That key is "<<".
    std::vector<std::pair<json::object, int>> to_merge;  ///< What "<<" named, and where.
  };

  bool expects_key() const { return !frames_.empty() && frames_.back().value.is_object() && !frames_.back().key; }

  static json::value scalar(const std::string& tag, const std::string& text, int line) {
    if (tag == "?") {
      auto value = resolve_plain_scalar(text);
      const bool infinite = text.size() >= 4 && text.size() <= 5 && value.is_string() && is_special_float(text);
      if (infinite) throw ReadError(line, fmt::format("\"{}\" has no place in JSON", text));
      return value;
    }
    if (!std::string_view(tag).starts_with(kTagPrefix)) return json::value(text);
    const auto type = std::string_view(tag).substr(kTagPrefix.size());
    if (type == "binary") {
      auto bytes = decode_base64(text);
      if (!bytes) throw ReadError(line, "!!binary: " + bytes.error().message());
      if (!is_utf8(*bytes)) throw ReadError(line, "!!binary: not UTF-8; use binaryData or data instead");
      return json::value(*bytes);
    }
    if (type != "int" && type != "float" && type != "bool" && type != "null") return json::value(text);
    auto value = resolve_plain_scalar(text);
    const bool fits = (type == "int" && (value.is_int64() || value.is_uint64())) ||
                      (type == "float" && value.is_number()) || (type == "bool" && value.is_bool()) ||
                      (type == "null" && value.is_null());
    if (!fits) throw ReadError(line, fmt::format("cannot read \"{}\" as !!{}", text.substr(0, 64), type));
    return value;
  }

  static bool is_special_float(std::string_view text) {
    if (text.front() == '-' || text.front() == '+') text.remove_prefix(1);
    return text == ".nan" || text == ".NaN" || text == ".NAN" || text == ".inf" || text == ".Inf" || text == ".INF";
  }

  void leaf(json::value value, int line, YAML::anchor_t anchor) {
    budget_.spend(1, 0, line);
    if (anchor != 0) remember(anchor, value, line);
    add(std::move(value), LineNode{line, {}, {}});
  }

  void open(json::value empty, int line, YAML::anchor_t anchor) {
    budget_.spend(1, 0, line);
    if (frames_.size() >= limits_.depth) throw ReadError(line, fmt::format("nested deeper than {}", limits_.depth));
    if (expects_key()) throw ReadError(line, "a key must be a scalar, not null, a list or a mapping");
    Frame frame;
    frame.value = std::move(empty);
    frame.lines.line = line;
    frame.anchor = anchor;
    frames_.push_back(std::move(frame));
  }

  void close() {
    auto frame = std::move(frames_.back());
    frames_.pop_back();
    if (frame.anchor != 0) remember(frame.anchor, frame.value, frame.lines.line);
    add(std::move(frame.value), std::move(frame.lines));
  }

  void remember(YAML::anchor_t anchor, const json::value& value, int line) {
    budget_.spend_copy(value, line);
    anchors_[anchor] = value;
  }

  /// A finished value goes into the collection around it, as an item, a key or a value.
  void add(json::value value, LineNode lines) {
    if (frames_.empty()) {
      document_ = {std::move(value), std::move(lines)};
      return;
    }
    auto& frame = frames_.back();
    if (auto* list = frame.value.if_array()) {
      list->push_back(std::move(value));
      frame.lines.children.push_back(std::move(lines));
      return;
    }
    auto& map = frame.value.get_object();
    if (!frame.key) {
      frame.key = key_text(value, lines.line);
      frame.key_line = lines.line;
      return;
    }
    if (frame.merging) {
      note_merge(frame, std::move(value));
    } else {
      lines.line = frame.key_line;
      set(frame, map, std::move(value), std::move(lines));
    }
    frame.key.reset();
    frame.merging = false;
  }

  /// The last value of a key is the one that counts, as for every Kubernetes client; it is hardly what was meant.
  void set(Frame& frame, json::object& map, json::value value, LineNode lines) {
    if (!map.contains(*frame.key)) {
      map.emplace(*frame.key, std::move(value));
      frame.lines.names.push_back(*std::move(frame.key));
      frame.lines.children.push_back(std::move(lines));
      return;
    }
    const auto before = std::find(frame.lines.names.begin(), frame.lines.names.end(), *frame.key);
    auto& old = frame.lines.children[static_cast<std::size_t>(before - frame.lines.names.begin())];
    notes_.push_back({lines.line, fmt::format("key \"{}\" is already set in this mapping, at line {}; the last one "
                                              "counts",
                                              frame.key->substr(0, 200), old.line)});
    map[*frame.key] = std::move(value);
    old = std::move(lines);
  }

  static void note_merge(Frame& frame, json::value value) {
    const auto line = frame.key_line;
    const auto add_one = [&](json::value& from) {
      auto* map = from.if_object();
      if (map == nullptr) throw ReadError(line, "<< needs a mapping or a list of mappings");
      frame.to_merge.emplace_back(std::move(*map), line);
    };
    if (auto* list = value.if_array()) {
      for (auto& item : *list) add_one(item);
    } else {
      add_one(value);
    }
  }

  /// Keys of the mapping itself win, then those of the first mapping merged (https://yaml.org/type/merge.html).
  void merge_into_top() {
    auto& frame = frames_.back();
    auto& map = frame.value.get_object();
    for (auto& [from, line] : frame.to_merge) {
      for (auto& entry : from) {
        const auto inserted = map.emplace(entry.key(), std::move(entry.value())).second;
        if (!inserted) continue;
        frame.lines.names.emplace_back(entry.key().data(), entry.key().size());
        frame.lines.children.push_back(LineNode{line, {}, {}});
      }
    }
  }

  const YamlLimits& limits_;
  Budget& budget_;
  YamlDocument document_;
  std::vector<YamlStream::Note> notes_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, json::value> anchors_;
};

void count_nodes(const json::value& value, Budget& budget) { budget.spend_copy(value, 1); }

/// JSON may escape characters in ways that YAML has not (surrogate pairs).
std::optional<YamlDocument> read_as_json(std::string_view text, const YamlLimits& limits) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '{') return std::nullopt;
  auto value = parse_json(text);
  if (!value) return std::nullopt;
  Budget budget(limits);
  count_nodes(*value, budget);
  return YamlDocument{*std::move(value), LineNode{1, {}, {}}};
}

constexpr std::size_t kMostWarnings = 200;

/// "UTF-16LE" and its like, told by the byte order mark or by where the first NULs are; empty: none of them.
std::string_view wide_encoding(std::string_view text) {
  const auto begins = [&](std::string_view mark) { return text.starts_with(mark); };
  using namespace std::string_view_literals;
  if (begins("\xff\xfe\0\0"sv)) return "UTF-32LE";
  if (begins("\0\0\xfe\xff"sv)) return "UTF-32BE";
  if (begins("\xff\xfe"sv)) return "UTF-16LE";
  if (begins("\xfe\xff"sv)) return "UTF-16BE";
  if (text.size() < 4) return {};
  if (text[0] != '\0' && text[1] == '\0') return text[2] == '\0' && text[3] == '\0' ? "UTF-32LE" : "UTF-16LE";
  if (text[0] == '\0' && text[1] != '\0') return "UTF-16BE";
  return {};
}

/// Without the byte order marks that a document may begin with (YAML 1.2, 5.2): files put one after the other have them
/// in the middle, where yaml-cpp takes them for text. Lines stay where they are.
std::string without_marks(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  std::string out;
  out.reserve(text.size());
  bool begins_document = true;  // only blank lines and comments since the last "---" or "..."
  while (!text.empty()) {
    const auto size = std::min(text.find('\n'), text.size() - 1) + 1;
    auto line = text.substr(0, size);
    text.remove_prefix(size);
    const auto marked = line.starts_with(kMark) ? line.substr(kMark.size()) : line;
    const bool border = marked.starts_with("---") || marked.starts_with("...");
    if (border || begins_document || marked.starts_with('#')) line = marked;
    const auto first = line.find_first_not_of(" \t\r\n");
    begins_document = border || (begins_document && (first == std::string_view::npos || line[first] == '#'));
    out += line;
  }
  return out;
}

}  // namespace

YamlStream read_yaml(std::string_view text, const YamlLimits& limits) {
  YamlStream stream;
  const auto fail = [&](int line, std::string message) {
    stream.failure = YamlStream::Failure{line, std::move(message)};
  };
  if (text.size() > limits.bytes) {
    fail(0, fmt::format("{} bytes: larger than the limit of {}", text.size(), limits.bytes));
    return stream;
  }
  if (const auto bad = first_bad_utf8(text)) {  // a NUL is bad: plain letters in UTF-16 have one each
    if (const auto what = wide_encoding(text); !what.empty()) {
      fail(1, fmt::format("this is {} text; manifests are UTF-8: convert it, for example with `iconv -f {} -t UTF-8`",
                          what, what));
      return stream;
    }
    fail(1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(*bad), '\n')),
         text[*bad] == '\0' ? "a NUL character has no place in text" : "not UTF-8 text");
    return stream;
  }
  try {
    Budget budget(limits);
    try {
      std::istringstream input{without_marks(text)};
      YAML::Parser parser(input);
      while (true) {
        Builder builder(limits, budget);
        if (!parser.HandleNextDocument(builder)) break;
        budget.spend(1, 0, 0);
        auto document = builder.take();
        for (auto& note : builder.take_notes()) {
          if (stream.warnings.size() < kMostWarnings) stream.warnings.push_back(std::move(note));
        }
        if (!document.value.is_null()) stream.documents.push_back(std::move(document));
      }
    } catch (const YAML::Exception& error) {
      auto as_json = stream.documents.empty() ? read_as_json(text, limits) : std::nullopt;
      if (as_json) {
        stream.documents.push_back(*std::move(as_json));
      } else {
        fail(error.mark.is_null() ? 0 : line_at(error.mark), error.msg);
      }
    }
  } catch (const ReadError& error) {
    fail(error.line(), error.what());
  } catch (const std::exception& error) {
    fail(0, error.what());
  }
  return stream;
}

int LineNode::line_of(std::string_view field_path) const {
  const auto* node = this;
  int known = line;
  const auto step_field = [&](std::string_view name) -> const LineNode* {
    const auto found = std::find(node->names.begin(), node->names.end(), name);
    return found == node->names.end() ? nullptr
                                      : &node->children[static_cast<std::size_t>(found - node->names.begin())];
  };
  while (!field_path.empty()) {
    const LineNode* next = nullptr;
    if (field_path.starts_with("[\"")) {  // a key that is not a plain word
      auto end = field_path.find("\"]", 2);
      while (end != std::string_view::npos && end + 2 < field_path.size() && field_path[end + 2] != '.' &&
             field_path[end + 2] != '[') {
        end = field_path.find("\"]", end + 1);
      }
      if (end == std::string_view::npos) return known;
      next = step_field(field_path.substr(2, end - 2));
      field_path.remove_prefix(end + 2);
    } else if (field_path.front() == '[') {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(field_path.data() + 1, field_path.data() + field_path.size(), index);
      if (error != std::errc() || index >= node->children.size()) return known;
      next = &node->children[index];
      field_path.remove_prefix(std::min(static_cast<std::size_t>(end - field_path.data()) + 1, field_path.size()));
    } else {
      if (field_path.front() == '.') field_path.remove_prefix(1);
      const auto end = std::min(field_path.find_first_of(".["), field_path.size());
      next = step_field(field_path.substr(0, end));
      field_path.remove_prefix(end);
    }
    if (next == nullptr) return known;
    node = next;
    if (node->line != 0) known = node->line;
  }
  return known;
}

}  // namespace berth::model
