// model/manifest.cpp - read_manifest: one file's text to objects, or to all that is wrong with it.
#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>

#include "model/conversion.hpp"
#include "model/json_edit.hpp"
#include "model/model.hpp"
#include "model/reader.hpp"
#include "model/written_manifest.hpp"
#include "model/yaml_reader.hpp"

namespace berth::model {
namespace {

/// What the server sets: a manifest exported from a running system carries it, and it means nothing in a file.
constexpr std::string_view kServerMetadata[] = {
    "uid",
    "resourceVersion",
    "generation",
    "selfLink",
    "creationTimestamp",
    "deletionTimestamp",
    "managedFields",
    "deletionGracePeriodSeconds",
};

class ManifestReader {
 public:
  ManifestReader(const std::string& file, const ManifestLimits& limits, Hosts hosts)
      : file_(file), limits_(limits), hosts_(hosts) {}

  /// Every good object goes to `into` too, as it is written.
  void keep_written(std::vector<WrittenObject>& into) { written_ = &into; }

  Manifest read(std::string_view text) {
    auto stream = read_yaml(text, {limits_.bytes, limits_.depth, limits_.nodes});
    for (auto& note : stream.warnings) {
      manifest_.warnings.push_back({file_, note.line, "", "", std::move(note.message)});
    }
    for (std::size_t i = 0; i < stream.documents.size() && !full_; ++i) {
      auto& document = stream.documents[i];
      lines_ = &document.lines;
      label_ = fmt::format("document {}", i + 1);
      read_value(std::move(document.value), "");
    }
    if (stream.failure) {
      manifest_.errors.push_back({file_, stream.failure->line, "", "", std::move(stream.failure->message)});
    }
    return std::move(manifest_);
  }

 private:
  void note(std::vector<Problem>& into, const std::string& base, const std::string& object, const std::string& field,
            std::string message) {
    constexpr std::size_t kMostProblems = 200;
    if (into.size() >= kMostProblems) return;
    auto path = base;
    if (!path.empty() && !field.empty() && field.front() != '[') path += '.';
    path += field;
    into.push_back({file_, lines_->line_of(path), object, field, std::move(message)});
  }

  /// `base` is the path of this object in its document: "" or "items[3]".
  void read_value(json::value value, const std::string& base) {
    auto* raw = value.if_object();
    if (raw == nullptr) {
      return note(manifest_.errors, base, label_, "",
                  fmt::format("expected a mapping with apiVersion and kind, found {}", describe(value)));
    }
    const auto kind = text_at(*raw, "kind");
    const bool list =
        kind == "List" || (kind.ends_with("List") && find_kind(kind.substr(0, kind.size() - 4)) != nullptr);
    if (list) return read_list(*raw, base);
    read_object(std::move(*raw), base);
  }

  void read_list(json::object& list, const std::string& base) {
    const auto path = base.empty() ? std::string("items") : base + ".items";
    auto* items = list.if_contains("items");
    if (items == nullptr || items->is_null()) return;
    if (!items->is_array()) {
      return note(manifest_.errors, base, label_, "items", fmt::format("expected a list, found {}", describe(*items)));
    }
    const std::string list_kind(text_at(list, "kind"));
    const std::string api_version(text_at(list, "apiVersion"));
    auto& array = items->get_array();
    for (std::size_t i = 0; i < array.size() && !full_; ++i) {
      if (auto* item = array[i].if_object(); item != nullptr && list_kind != "List") {  // typed lists leave these out
        set_default_text(*item, "kind", std::string_view(list_kind).substr(0, list_kind.size() - 4));
        set_default_text(*item, "apiVersion", api_version);
      }
      read_value(std::move(array[i]), fmt::format("{}[{}]", path, i));
    }
  }

  void read_object(json::object raw, const std::string& base) {
    if (manifest_.objects.size() + others_ >= limits_.objects) {
      full_ = true;
      return note(manifest_.errors, base, label_, "", fmt::format("more than {} objects in one file", limits_.objects));
    }
    const auto objects_before = manifest_.objects.size();
    auto conversion = convert(raw);
    auto& into = conversion.foreign ? manifest_.left_out : manifest_.errors;
    const auto label = conversion.foreign ? foreign_display(raw) : label_;
    for (auto& issue : conversion.issues) note(into, base, label, issue.field, std::move(issue.message));
    if (conversion.issues.empty()) check_object(std::move(raw), base, conversion.old_version);
    if (manifest_.objects.size() == objects_before) ++others_;
  }

  void check_object(json::object raw, const std::string& base, const std::string& version_before) {
    const auto kind = find_kind(text_at(raw, "kind"))->kind;
    std::optional<json::object> written;
    if (written_ != nullptr) strip(written.emplace(raw));
    prepare(kind, raw);
    const auto warnings = unknown_fields(kind, raw, hosts_);
    apply_defaults(kind, raw);
    const auto errors = validate(kind, raw, nullptr);
    const auto object = display(kind, raw);
    const auto* old = old_version(kind, version_before);
    if (old != nullptr && !old->history.empty()) {
      note(manifest_.warnings, base, object, "apiVersion",
           fmt::format("{} is an old version; read as {}", version_before, info(kind).api_version()));
    }
    for (const auto& problem : warnings) note(manifest_.warnings, base, object, problem.field, problem.message);
    for (const auto& problem : errors) note(manifest_.errors, base, object, problem.field, problem.message);
    if (!errors.empty()) return;
    auto made = make_object(std::move(raw));
    if (!made) return note(manifest_.errors, base, object, "", made.error().message());
    const auto line = lines_->line_of(base);
    const auto [first, is_new] = seen_.emplace(made->key(), line);
    if (!is_new) {
      return note(manifest_.errors, base, object, "",
                  fmt::format("duplicate value: already defined at line {} of this file", first->second));
    }
    if (written) written_->push_back({kind, made->meta.name, *std::move(written), line});
    manifest_.objects.push_back(*std::move(made));
  }

  /// Takes out what only the server says. Null: metadata is no object.
  static json::object* strip(json::object& raw) {
    erase(raw, "status");
    auto* metadata = object_or_new(raw, "metadata");
    if (metadata == nullptr) return nullptr;
    for (const auto name : kServerMetadata) erase(*metadata, name);
    return metadata;
  }

  static void prepare(Kind kind, json::object& raw) {
    auto* metadata = strip(raw);
    if (metadata == nullptr) return;
    if (info(kind).namespaced) set_default_text(*metadata, "namespace", "default");
  }

  /// The object's name once there is one, else its place in the file.
  std::string display(Kind kind, json::object& raw) const {
    auto* metadata = object_at(raw, "metadata");
    if (metadata == nullptr || text_at(*metadata, "name").empty())
      return fmt::format("{} ({})", info(kind).name, label_);
    constexpr std::size_t kMost = 80;
    ObjectKey key{kind, "", std::string(text_at(*metadata, "name").substr(0, kMost))};
    if (info(kind).namespaced) key.ns = text_at(*metadata, "namespace").substr(0, kMost);
    return key.display();
  }

  /// The same for a kind that we know nothing of.
  std::string foreign_display(json::object& raw) const {
    constexpr std::size_t kMost = 80;
    const auto kind = text_at(raw, "kind").substr(0, kMost);
    auto* metadata = object_at(raw, "metadata");
    const auto name = metadata == nullptr ? std::string_view() : text_at(*metadata, "name").substr(0, kMost);
    if (name.empty()) return fmt::format("{} ({})", kind, label_);
    const auto ns = text_at(*metadata, "namespace").substr(0, kMost);
    return ns.empty() ? fmt::format("{} {}", kind, name) : fmt::format("{} {}/{}", kind, ns, name);
  }

  const std::string& file_;
  const ManifestLimits& limits_;
  const Hosts hosts_;
  Manifest manifest_;
  const LineNode* lines_ = nullptr;
  std::string label_;
  std::map<ObjectKey, int> seen_;
  std::size_t others_ = 0;  ///< Documents that gave no object.
  bool full_ = false;
  std::vector<WrittenObject>* written_ = nullptr;
};

}  // namespace

Manifest read_manifest(std::string_view text, const std::string& file, const ManifestLimits& limits, Hosts hosts) {
  return ManifestReader(file, limits, hosts).read(text);
}

WrittenManifest read_written(std::string_view text, const std::string& file, const ManifestLimits& limits) {
  WrittenManifest out;
  ManifestReader reader(file, limits, Hosts::Alone);
  reader.keep_written(out.objects);
  auto manifest = reader.read(text);
  out.errors = std::move(manifest.errors);
  out.left_out = std::move(manifest.left_out);
  out.warnings = std::move(manifest.warnings);
  return out;
}

Result<json::value> parse_yaml(std::string_view text, const ManifestLimits& limits) {
  auto stream = read_yaml(text, {limits.bytes, limits.depth, limits.nodes});
  if (stream.failure) {
    const auto& [line, message] = *stream.failure;
    return Error(ErrorCode::InvalidArgument, line > 0 ? fmt::format("yaml: line {}: {}", line, message) : message);
  }
  if (stream.documents.size() != 1) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("yaml: expected one document, found {}", stream.documents.size()));
  }
  return std::move(stream.documents.front().value);
}

}  // namespace berth::model
