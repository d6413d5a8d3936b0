// api/list_body.cpp - a list of objects as text, made while it is sent.
#include "api/list_body.hpp"

#include <fmt/format.h>

#include "api/old_version.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kPiece = 64 * 1024;

class ListBody final : public BodySource {
 public:
  ListBody(const model::KindInfo& kind, store::Listing listing, Selection selection, const Presentation& presentation,
           WallTime now)
      : kind_(kind),
        listing_(std::move(listing)),
        selection_(std::move(selection)),
        presentation_(presentation),
        now_(now) {}

  State read(std::string& out) override {
    if (next_ == 0) {
      out += presentation_.table
                 ? table_head(kind_.kind, listing_.revision, /*columns=*/true)
                 : fmt::format(R"({{"kind":"{}List","apiVersion":"{}","metadata":{{"resourceVersion":"{}"}},"items":[)",
                               kind_.name,
                               presentation_.api_version.empty() ? kind_.api_version() : presentation_.api_version,
                               listing_.revision);
    }
    while (next_ < listing_.objects.size() && out.size() < kPiece) {
      const auto object = std::move(listing_.objects[next_++]);
      if (!selection_.matches(*object)) continue;
      if (!first_) out += ',';
      first_ = false;
      if (presentation_.table) {
        append_table_row(out, *object, presentation_.include, now_, presentation_.api_version);
      } else {
        append_object(out, object->raw, presentation_.api_version);
      }
    }
    if (next_ < listing_.objects.size()) return State::More;
    out += "]}";
    return State::End;
  }

 private:
  const model::KindInfo& kind_;
  store::Listing listing_;
  Selection selection_;
  Presentation presentation_;
  WallTime now_;
  std::size_t next_ = 0;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<BodySource> make_list_body(const model::KindInfo& kind, store::Listing listing, Selection selection,
                                           const Presentation& presentation, WallTime now) {
  return std::make_unique<ListBody>(kind, std::move(listing), std::move(selection), presentation, now);
}

std::string object_text(const model::Object& object, const Presentation& presentation, WallTime now) {
  std::string out;
  if (!presentation.table) {
    append_object(out, object.raw, presentation.api_version);
    return out;
  }
  out = table_head(object.kind, object.meta.resource_version, /*columns=*/true);
  append_table_row(out, object, presentation.include, now, presentation.api_version);
  out += "]}";
  return out;
}

std::string table_head(model::Kind kind, store::Revision revision, bool columns) {
  return fmt::format(
      R"({{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{{"resourceVersion":"{}"}},"columnDefinitions":{},"rows":[)",
      revision, columns ? json::serialize(column_definitions(kind)) : "null");
}

}  // namespace berth::api
