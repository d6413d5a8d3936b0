// api/reads/list_pages.hpp - limit and continue: the rest of a listing, kept until the client asks for it. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/request/api_error.hpp"
#include "base/clock.hpp"
#include "store/store.hpp"

namespace berth::api {

/// A piece of a listing, and how to get the next.
struct ListPage {
  store::Listing listing;
  std::string next;  ///< metadata.continue; empty: nothing follows.
  std::optional<std::size_t>
      left;  ///< metadata.remainingItemCount; unset when nothing follows or it is not to be told.
};

/// The rest of a listing is kept as pointers to its (immutable) objects, so that all pages show one moment. A token is
/// the snapshot's unguessable number and the last key that was sent: a page can be asked for again, and after the
/// snapshot is gone a client may go on from that key in the newest state, as Kubernetes offers.
class ListPages {
 public:
  /// With more one goes: of whoever has the most, the one that was unused for longest.
  static constexpr std::size_t kMaxSnapshots = 64;
  static constexpr std::chrono::minutes kUnused{5};  ///< As long as Kubernetes' etcd keeps old revisions.

  /// The first `limit` objects of a listing of `kind` in `ns`, for `owner`. `limit` > 0.
  ListPage first(const std::string& owner, model::Kind kind, std::string_view ns, store::Listing listing,
                 std::size_t limit, SteadyTime now);

  /// The page after `token`, everything that is left when `limit` is 0. 400: no token of ours, or of another list.
  /// 410: not kept any more; the answer's metadata.continue goes on with the newest state.
  ApiResult<ListPage> next(model::Kind kind, std::string_view ns, std::string_view token, std::size_t limit,
                           SteadyTime now);

  /// Is this a token that goes on with the newest state? Then its last key ("ns", "name").
  static std::optional<std::pair<std::string, std::string>> inconsistent_key(std::string_view token);

  /// Drops what was not used for kUnused; when to look again, if anything is kept.
  std::optional<SteadyTime> expire(SteadyTime now);

  std::size_t size() const { return snapshots_.size(); }

 private:
  struct Snapshot {
    std::string owner;
    model::Kind kind = model::Kind::Pod;
    std::string ns;
    store::Listing listing;  ///< What was not sent, and the page sent last.
    SteadyTime used;
  };

  void make_room();

  std::map<std::string, Snapshot, std::less<>> snapshots_;
};

/// 410 of a token that is gone, with metadata.continue = `token` to go on inconsistently.
json::object encode_expired_page(const ApiError& error, std::string_view token);

}  // namespace berth::api
