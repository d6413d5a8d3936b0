// api/reads/list_pages.cpp - limit and continue.
#include "api/reads/list_pages.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace berth::api {

namespace {

constexpr std::size_t kIdSize = 32;
constexpr std::string_view kNewest = "00000000000000000000000000000000";  ///< The id of "go on with the newest state".

using Key = std::pair<std::string_view, std::string_view>;

Key key_of(const model::ObjectPtr& object) { return {object->meta.ns, object->meta.name}; }

struct Token {
  std::string_view id;
  Key last;
};

std::optional<Token> parse_token(std::string_view text) {
  if (text.size() <= kIdSize + 1 || text[kIdSize] != '.') return std::nullopt;
  const auto id = text.substr(0, kIdSize);
  if (id.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  const auto key = text.substr(kIdSize + 1);
  const auto slash = key.find('/');
  if (slash == std::string_view::npos || slash + 1 == key.size()) return std::nullopt;
  return Token{id, {key.substr(0, slash), key.substr(slash + 1)}};
}

std::string make_token(std::string_view id, Key last) { return fmt::format("{}.{}/{}", id, last.first, last.second); }

ApiError gone() {
  return expired(
      "The provided continue parameter is too old to display a consistent list result. You can start a new list "
      "without "
      "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
      "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
      "deleted between the time the first chunk was returned and now may show up in the list.");
}

std::string new_id() {
  auto id = model::new_uid();
  std::erase(id, '-');
  return id;
}

}  // namespace

/// Nobody's lists push out those of somebody who has fewer.
void ListPages::make_room() {
  std::map<std::string_view, std::size_t> owned;
  for (const auto& [id, snapshot] : snapshots_) ++owned[snapshot.owner];
  snapshots_.erase(std::min_element(snapshots_.begin(), snapshots_.end(), [&](const auto& a, const auto& b) {
    const auto of_a = owned[a.second.owner];
    const auto of_b = owned[b.second.owner];
    return of_a != of_b ? of_a > of_b : a.second.used < b.second.used;
  }));
}

ListPage ListPages::first(const std::string& owner, model::Kind kind, std::string_view ns, store::Listing listing,
                          std::size_t limit, SteadyTime now) {
  if (listing.objects.size() <= limit) return {std::move(listing), {}, std::nullopt};
  expire(now);
  if (snapshots_.size() >= kMaxSnapshots) make_room();
  const auto cut = listing.objects.begin() + static_cast<std::ptrdiff_t>(limit);
  ListPage page{{{listing.objects.begin(), cut}, listing.revision}, {}, std::nullopt};
  listing.objects.erase(listing.objects.begin(), cut);
  page.left = listing.objects.size();
  const auto id = new_id();
  page.next = make_token(id, key_of(page.listing.objects.back()));
  snapshots_[id] = {owner, kind, std::string(ns), std::move(listing), now};
  return page;
}

ApiResult<ListPage> ListPages::next(model::Kind kind, std::string_view ns, std::string_view token, std::size_t limit,
                                    SteadyTime now) {
  const auto parsed = parse_token(token);
  if (!parsed) return bad_request("invalid continue token: continue key is not valid: it was not made by this server");
  expire(now);
  const auto found = snapshots_.find(parsed->id);
  if (found == snapshots_.end()) return gone();
  auto& snapshot = found->second;
  if (snapshot.kind != kind || snapshot.ns != ns) {
    return bad_request("invalid continue token: continue key is not valid: it belongs to another list");
  }
  snapshot.used = now;
  auto& objects = snapshot.listing.objects;
  // What comes before this token was received: who asks for a page has the ones before it.
  objects.erase(objects.begin(),
                std::upper_bound(objects.begin(), objects.end(), parsed->last,
                                 [](Key key, const model::ObjectPtr& object) { return key < key_of(object); }));
  const auto count = limit == 0 ? objects.size() : std::min(limit, objects.size());
  const auto cut = objects.begin() + static_cast<std::ptrdiff_t>(count);
  ListPage page{{{objects.begin(), cut}, snapshot.listing.revision}, {}, std::nullopt};
  if (count < objects.size()) {
    page.left = objects.size() - count;
    page.next = make_token(parsed->id, key_of(page.listing.objects.back()));
  }
  return page;
}

std::optional<std::pair<std::string, std::string>> ListPages::inconsistent_key(std::string_view token) {
  const auto parsed = parse_token(token);
  if (!parsed || parsed->id != kNewest) return std::nullopt;
  return std::pair(std::string(parsed->last.first), std::string(parsed->last.second));
}

std::optional<SteadyTime> ListPages::expire(SteadyTime now) {
  std::optional<SteadyTime> next;
  for (auto it = snapshots_.begin(); it != snapshots_.end();) {
    const auto until = it->second.used + kUnused;
    if (until <= now) {
      it = snapshots_.erase(it);
      continue;
    }
    if (!next || until < *next) next = until;
    ++it;
  }
  return next;
}

json::object encode_expired_page(const ApiError& error, std::string_view token) {
  auto status = encode_status(error);
  if (const auto parsed = parse_token(token)) {
    status["metadata"] = json::object{{"continue", make_token(kNewest, parsed->last)}};
  }
  return status;
}

}  // namespace berth::api
