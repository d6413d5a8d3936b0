// api/read_handler.cpp - get, list and watch.
#include "api/read_handler.hpp"

#include <charconv>

#include <fmt/format.h>

#include "api/watch_body.hpp"

namespace berth::api {

namespace {

/// Longer is what an idle connection is not worth.
constexpr std::int64_t kMaxWatchSeconds = 24 * 3600;

/// Calls `take` with each comma-separated media range, blanks removed, until it returns true.
template <typename Take>
bool any_media_range(std::string_view accept, Take take) {
  while (!accept.empty()) {
    const auto end = std::min(accept.find(','), accept.size());
    std::string range;
    for (const char c : accept.substr(0, end)) {
      if (c != ' ' && c != '\t') range += c;
    }
    if (take(std::string_view(range))) return true;
    accept.remove_prefix(std::min(end + 1, accept.size()));
  }
  return false;
}

Result<std::optional<store::Revision>> revision_of(const Query& query) {
  const auto text = query.get("resourceVersion");
  if (text.empty()) return std::optional<store::Revision>{};
  store::Revision revision = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return Error(ErrorCode::InvalidArgument, fmt::format("invalid resource version \"{}\"", text));
  }
  return std::optional<store::Revision>{revision};
}

HttpResponse watch(ApiContext& context, const ResourcePath& path, const Query& query, Selection selection,
                   const Presentation& presentation) {
  const auto& kind = model::info(path.kind);
  if (query.has("sendInitialEvents") || query.has("resourceVersionMatch")) {
    return to_response(
        invalid(model::KindInfo{.kind = kind.kind,
                                .name = "ListOptions",
                                .group = "meta.k8s.io",
                                .version = "",
                                .plural = "",
                                .singular = "",
                                .short_names = "",
                                .namespaced = false},
                "",
                {{.file = {},
                  .line = 0,
                  .object = {},
                  .field = "sendInitialEvents",
                  .message = "Forbidden: sendInitialEvents is forbidden for watch: this server does not offer it"}}));
  }
  const auto revision = revision_of(query);
  if (!revision) return to_response(bad_request(revision.error().message()));
  const auto seconds = query.number("timeoutSeconds");
  if (!seconds) return to_response(bad_request(seconds.error().message()));
  WatchRequest request;
  request.kind = path.kind;
  request.ns = path.ns;
  request.selection = std::move(selection);
  if (revision->value_or(0) != 0) request.from = **revision;
  request.bookmarks = query.flag("allowWatchBookmarks");
  if (seconds->value_or(0) > 0) request.timeout = std::chrono::seconds(std::min(**seconds, kMaxWatchSeconds));
  request.presentation = presentation;
  HttpResponse response;
  response.stream = make_watch_body(context, std::move(request));
  return response;
}

}  // namespace

ApiResult<Presentation> presentation_of(std::string_view accept, const Query& query) {
  Presentation out;
  out.table = any_media_range(accept, [](std::string_view range) {
    return range.starts_with("application/json") && range.find(";as=Table") != std::string_view::npos &&
           range.find(";g=meta.k8s.io") != std::string_view::npos &&
           (range.find(";v=v1;") != std::string_view::npos || range.ends_with(";v=v1"));
  });
  const bool json = accept.empty() || any_media_range(accept, [](std::string_view range) {
                      range = range.substr(0, range.find(';'));
                      return range == "application/json" || range == "*/*" || range == "application/*";
                    });
  if (!json) {
    return not_acceptable("only the following media types are accepted: application/json, application/json;as=Table");
  }
  const auto include = query.get("includeObject");
  if (include == "Object") out.include = RowObject::Object;
  if (include == "None") out.include = RowObject::None;
  return out;
}

HttpResponse handle_read(ApiContext& context, const ResourcePath& path, const Query& query, std::string_view accept) {
  const auto& kind = model::info(path.kind);
  auto presentation = presentation_of(accept, query);
  if (!presentation) return to_response(presentation.error());
  presentation->api_version = path.old_version;
  const auto now = context.clock.wall();
  HttpResponse response;
  if (!path.name.empty()) {
    const auto object = context.store.get({path.kind, path.ns, path.name});
    if (!object) return to_response(not_found(kind, path.name));
    response.body = object_text(*object, *presentation, now);
    return response;
  }
  auto selection = Selection::parse(kind, query.get("labelSelector"), query.get("fieldSelector"));
  if (!selection) return to_response(selection.error());
  if (query.flag("watch")) return watch(context, path, query, *std::move(selection), *presentation);
  if (const auto revision = revision_of(query); !revision) return to_response(bad_request(revision.error().message()));
  response.stream =
      make_list_body(kind, context.store.list(path.kind, path.ns), *std::move(selection), *presentation, now);
  return response;
}

}  // namespace berth::api
