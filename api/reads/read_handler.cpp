// api/reads/read_handler.cpp - get, list and watch.
#include "api/reads/read_handler.hpp"

#include <charconv>
#include <chrono>
#include <tuple>

#include <fmt/format.h>

#include "api/reads/read_state.hpp"
#include "api/reads/watch_body.hpp"
#include "base/random.hpp"

namespace berth::api {

namespace {

/// Longer is what an idle connection is not worth.
constexpr std::int64_t kMaxWatchSeconds = 24 * 3600;
/// A watch that asks for no time gets this and up to as much again, as Kubernetes' --min-request-timeout.
constexpr std::chrono::seconds kMinWatch{1800};

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

/// The rules of Kubernetes' ValidateListOptions, in its words; empty when the options go together.
std::vector<model::Problem> option_problems(const Query& query, bool watch) {
  std::vector<model::Problem> problems;
  const auto wrong = [&](std::string_view field, std::string message) {
    auto& problem = problems.emplace_back();
    problem.field = field;
    problem.message = std::move(message);
  };
  constexpr std::string_view kMatch = "resourceVersionMatch";
  const auto match = query.get(kMatch);
  const auto revision = query.get("resourceVersion");
  const bool send_initial = query.has("sendInitialEvents");
  const bool continues = !query.get("continue").empty();
  if (watch) {
    if (send_initial && match != "NotOlderThan") {
      wrong(kMatch, "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    if (match.empty()) return problems;
    if (!send_initial) {
      wrong(kMatch, "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    }
    if (match != "NotOlderThan") {
      wrong(kMatch, fmt::format("Unsupported value: \"{}\": supported values: \"NotOlderThan\"", match));
    }
    if (continues) wrong(kMatch, "Forbidden: resourceVersionMatch is forbidden when continue is provided");
    return problems;
  }
  if (!match.empty()) {
    if (revision.empty()) {
      wrong(kMatch, "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
    }
    if (continues) wrong(kMatch, "Forbidden: resourceVersionMatch is forbidden when continue is provided");
    if (match != "Exact" && match != "NotOlderThan") {
      wrong(kMatch,
            fmt::format("Unsupported value: \"{}\": supported values: \"Exact\", \"NotOlderThan\", \"\"", match));
    }
    if (match == "Exact" && revision == "0") {
      wrong(kMatch, "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    }
  }
  if (send_initial) wrong("sendInitialEvents", "Forbidden: sendInitialEvents is forbidden for list");
  return problems;
}

ApiError invalid_options(const std::vector<model::Problem>& problems) {
  auto options = model::info(model::Kind::Pod);
  options.name = "ListOptions";
  options.group = "meta.k8s.io";
  return invalid(options, "", problems);
}

HttpResponse watch(ApiContext& context, const ResourcePath& path, const Query& query, Selection selection,
                   const Presentation& presentation) {
  if (const auto problems = option_problems(query, /*watch=*/true); !problems.empty()) {
    return to_response(invalid_options(problems));
  }
  const auto revision = revision_of(query);
  if (!revision) return to_response(bad_request(revision.error().message()));
  const auto seconds = query.number("timeoutSeconds");
  if (!seconds) return to_response(bad_request(seconds.error().message()));
  WatchRequest request;
  request.kind = path.kind;
  request.ns = path.ns;
  request.name = path.name;
  request.selection = std::move(selection);
  request.bookmarks = query.flag("allowWatchBookmarks");
  const bool send_initial = query.flag("sendInitialEvents");
  if (send_initial) {
    // Everything there is, and that must not be older than what the client has seen.
    const auto newest = context.store.revision();
    if (revision->value_or(0) > newest) return to_response(revision_too_large(**revision, newest));
    request.mark_initial_end = true;
  } else if (revision->value_or(0) != 0) {
    request.from = **revision;
  } else {
    request.initial = !query.has("sendInitialEvents");
  }
  // Not all at once: a restart would have made every client come back in the same second, half an hour later too.
  request.timeout = kMinWatch + std::chrono::seconds(thread_random()() % kMinWatch.count());
  if (seconds->value_or(0) > 0) request.timeout = std::chrono::seconds(std::min(**seconds, kMaxWatchSeconds));
  request.presentation = presentation;
  HttpResponse response;
  response.stream = make_watch_body(context, std::move(request));
  return response;
}

/// Lists that nobody goes on with are dropped in time.
void expire_pages(ApiContext& context) {
  const auto now = context.clock.now();
  context.reads->pages_expire.reset();
  if (const auto next = context.reads->pages.expire(now)) {
    const auto delay = std::chrono::ceil<std::chrono::milliseconds>(*next - now);
    context.reads->pages_expire = context.reactor.after(delay, [&context] { expire_pages(context); });
  }
}

/// A list that somebody asks for.
struct ListRequest {
  const ResourcePath& path;
  const Query& query;
  const User& user;
};

ListPage first_page(ApiContext& context, const ListRequest& wanted, store::Listing listing, const Selection& selection,
                    std::size_t limit) {
  if (limit == 0 || listing.objects.size() <= limit) return {std::move(listing), {}, std::nullopt};
  std::erase_if(listing.objects, [&](const model::ObjectPtr& object) { return !selection.matches(*object); });
  auto page = context.reads->pages.first(wanted.user.name, wanted.path.kind, wanted.path.ns, std::move(listing), limit,
                                         context.clock.now());
  expire_pages(context);
  return page;
}

/// The page after a token; nullopt: `gone` is the answer.
std::optional<ListPage> next_page(ApiContext& context, const ListRequest& wanted, const Selection& selection,
                                  std::string_view token, std::size_t limit, HttpResponse& gone) {
  const auto& path = wanted.path;
  if (const auto key = ListPages::inconsistent_key(token)) {
    auto listing = context.store.list(path.kind, path.ns);
    std::erase_if(listing.objects, [&](const model::ObjectPtr& object) {
      return std::tie(object->meta.ns, object->meta.name) <= std::tie(key->first, key->second);
    });
    return first_page(context, wanted, std::move(listing), selection, limit);
  }
  auto page = context.reads->pages.next(path.kind, path.ns, token, limit, context.clock.now());
  if (page) return *std::move(page);
  gone = to_response(page.error());
  if (page.error().code == 410) gone.body = json::serialize(encode_expired_page(page.error(), token));
  return std::nullopt;
}

HttpResponse get(ApiContext& context, const ResourcePath& path, const Query& query, const Presentation& presentation) {
  const auto revision = revision_of(query);
  if (!revision) return to_response(bad_request(revision.error().message()));
  if (const auto newest = context.store.revision(); revision->value_or(0) > newest) {
    return to_response(revision_too_large(**revision, newest));
  }
  const auto object = context.store.get({path.kind, path.ns, path.name});
  if (!object) return to_response(not_found(model::info(path.kind), path.name));
  HttpResponse response;
  response.body = object_text(*object, presentation, context.clock.wall());
  return response;
}

HttpResponse list(ApiContext& context, const ListRequest& wanted, Selection selection,
                  const Presentation& presentation) {
  const auto& [path, query, user] = wanted;
  if (const auto problems = option_problems(query, /*watch=*/false); !problems.empty()) {
    return to_response(invalid_options(problems));
  }
  const auto revision = revision_of(query);
  if (!revision) return to_response(bad_request(revision.error().message()));
  const auto wanted_limit = query.number("limit");
  if (!wanted_limit) return to_response(bad_request(wanted_limit.error().message()));
  const auto limit = static_cast<std::size_t>(wanted_limit->value_or(0));
  const auto token = query.get("continue");
  ListPage page;
  if (!token.empty()) {
    if (revision->value_or(0) != 0) {
      return to_response(bad_request("specifying resource version is not allowed when using continue"));
    }
    HttpResponse gone;
    auto next = next_page(context, wanted, selection, token, limit, gone);
    if (!next) return gone;
    page = *std::move(next);
  } else {
    auto listing = context.store.list(path.kind, path.ns);
    if (revision->value_or(0) > listing.revision) {
      return to_response(revision_too_large(**revision, listing.revision));
    }
    // Old states are not kept: only the newest can be had exactly.
    if (query.get("resourceVersionMatch") == "Exact" && **revision != listing.revision) {
      return to_response(expired("The resourceVersion for the provided list is too old."));
    }
    // As Kubernetes' watch cache: who takes any state gets all of it, whatever the limit.
    const bool any_state = *revision == std::optional<store::Revision>(0);
    page = first_page(context, wanted, std::move(listing), selection, any_state ? 0 : limit);
  }
  if (!selection.matches_everything()) page.left.reset();
  HttpResponse response;
  response.stream =
      make_list_body(model::info(path.kind), std::move(page), std::move(selection), presentation, context.clock.wall());
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
  if (include == "Object") {
    out.include = RowObject::Object;
  } else if (include == "None") {
    out.include = RowObject::None;
  } else if (!include.empty() && include != "Metadata") {
    return bad_request(fmt::format("unrecognized includeObject value: \"{}\"", include));
  }
  return out;
}

HttpResponse handle_read(ApiContext& context, const ResourcePath& path, const Query& query,
                         const HttpRequest& request) {
  const auto& kind = model::info(path.kind);
  auto presentation = presentation_of(request.accept, query);
  if (!presentation) return to_response(presentation.error());
  presentation->api_version = path.old_version;
  if (!path.name.empty() && !path.watch) return get(context, path, query, *presentation);
  auto selection = Selection::parse(kind, query.get("labelSelector"), query.get("fieldSelector"));
  if (!selection) return to_response(selection.error());
  if (path.watch || query.flag("watch")) return watch(context, path, query, *std::move(selection), *presentation);
  return list(context, {path, query, request.user}, *std::move(selection), *presentation);
}

}  // namespace berth::api
