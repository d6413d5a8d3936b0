// api/reads/list_body.cpp - a list of objects as text, made while it is sent.
#include "api/reads/list_body.hpp"

#include <fmt/format.h>

#include "api/encoding/json_text.hpp"
#include "api/encoding/old_version.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kPiece = 64 * 1024;

std::string list_meta_text(const ListMeta& meta) {
  json::object fields{{"resourceVersion", std::to_string(meta.revision)}};
  if (!meta.next.empty()) fields["continue"] = meta.next;
  if (meta.left) fields["remainingItemCount"] = *meta.left;
  std::string out;
  append_json(out, fields);
  return out;
}

class ListBody final : public BodySource {
 public:
  ListBody(const model::KindInfo& kind, ListPage page, Selection selection, const Presentation& presentation,
           WallTime now)
      : kind_(kind), page_(std::move(page)), selection_(std::move(selection)), presentation_(presentation), now_(now) {}

  State read(std::string& out) override {
    auto& objects = page_.listing.objects;
    if (next_ == 0) {
      out.reserve(kPiece + kPiece / 4);
      const ListMeta meta{page_.listing.revision, std::move(page_.next), page_.left};
      out += presentation_.table
                 ? table_head(kind_.kind, meta, /*columns=*/true)
                 : fmt::format(R"({{"kind":"{}List","apiVersion":"{}","metadata":{},"items":[)", kind_.name,
                               presentation_.api_version.empty() ? kind_.api_version() : presentation_.api_version,
                               list_meta_text(meta));
    }
    while (next_ < objects.size() && out.size() < kPiece) {
      const auto object = std::move(objects[next_++]);
      if (!selection_.matches(*object)) continue;
      if (!first_) out += ',';
      first_ = false;
      if (presentation_.table) {
        append_table_row(out, *object, presentation_.include, now_, presentation_.api_version);
      } else {
        append_object(out, object->raw, presentation_.api_version);
      }
    }
    if (next_ < objects.size()) return State::More;
    out += "]}";
    return State::End;
  }

 private:
  const model::KindInfo& kind_;
  ListPage page_;
  Selection selection_;
  Presentation presentation_;
  WallTime now_;
  std::size_t next_ = 0;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<BodySource> make_list_body(const model::KindInfo& kind, ListPage page, Selection selection,
                                           const Presentation& presentation, WallTime now) {
  return std::make_unique<ListBody>(kind, std::move(page), std::move(selection), presentation, now);
}

std::string object_text(const model::Object& object, const Presentation& presentation, WallTime now) {
  std::string out;
  if (!presentation.table) {
    append_object(out, object.raw, presentation.api_version);
    return out;
  }
  out = table_head(object.kind, {.revision = object.meta.resource_version}, /*columns=*/true);
  append_table_row(out, object, presentation.include, now, presentation.api_version);
  out += "]}";
  return out;
}

std::string table_head(model::Kind kind, const ListMeta& meta, bool columns) {
  std::string definitions = "null";
  if (columns) definitions = json::serialize(column_definitions(kind));
  return fmt::format(R"({{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},"columnDefinitions":{},"rows":[)",
                     list_meta_text(meta), definitions);
}

}  // namespace berth::api
