// api/http/admission.cpp - how much may go on at once: requests, watches, streams, bytes of bodies.
#include "api/http/admission.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace berth::api {

namespace {

/// Has a share of its own, or is trusted with all of it.
bool is_unbounded(const User& user) { return user.role == Role::Admin || user.role == Role::Host; }

/// How much of one thing is in use, and by whom.
class Share {
 public:
  bool has_room(const User& user, std::size_t more, std::size_t most) const {
    if (used_ + more > most) return false;
    if (is_unbounded(user)) return true;
    const auto own = by_user_.find(user.name);
    const auto already = own == by_user_.end() ? 0 : own->second;
    return used_by_others_ + more <= most / 2 && already + more <= std::max<std::size_t>(most / 4, 1);
  }

  void add(const User& user, std::size_t more) {
    if (more == 0) return;
    used_ += more;
    if (is_unbounded(user)) return;
    used_by_others_ += more;
    by_user_[user.name] += more;
  }

  void take(const User& user, std::size_t less) {
    if (less == 0) return;
    used_ -= less;
    if (is_unbounded(user)) return;
    used_by_others_ -= less;
    const auto own = by_user_.find(user.name);
    if ((own->second -= less) == 0) by_user_.erase(own);
  }

 private:
  std::size_t used_ = 0;
  std::size_t used_by_others_ = 0;              ///< Of them not by admins.
  std::map<std::string, std::size_t> by_user_;  ///< Of those.
};

}  // namespace

struct Admission::Counters {
  Share requests;
  Share watches;
  Share streams;
  Share body_bytes;
};

Admission::Admission(const AdmissionLimits& limits)
    : limits_(limits), counters_(std::make_shared<Counters>()), of_hosts_(std::make_shared<Counters>()) {}

ApiResult<std::shared_ptr<void>> Admission::admit(const User& user, const AccessRequest& access, const Query& query,
                                                  std::size_t body_bytes) {
  const bool is_stream = access.subresource == "exec" || access.subresource == "attach" ||
                         access.subresource == "portforward" || access.subresource == "proxy" ||
                         (access.subresource == "log" && query.flag("follow"));
  const bool is_watch = access.verb == "watch";
  const auto& counters = user.role == Role::Host ? of_hosts_ : counters_;
  auto& share = is_stream ? counters->streams : is_watch ? counters->watches : counters->requests;
  const auto limit = is_stream ? limits_.streams : is_watch ? limits_.watches : limits_.requests;
  // As in Kubernetes, an admin's short requests are never turned away: they are how trouble is ended.
  const bool exempt = user.role == Role::Admin && !is_stream && !is_watch;
  if (!exempt && !share.has_room(user, 1, limit)) return too_many_requests();
  if (body_bytes > 0 && !counters->body_bytes.has_room(user, body_bytes, limits_.body_bytes)) {
    return too_many_requests();
  }
  share.add(user, 1);
  counters->body_bytes.add(user, body_bytes);
  User holder{.name = user.name, .role = user.role};
  return std::shared_ptr<void>(nullptr, [counters, &share, body_bytes, holder = std::move(holder)](void*) {
    share.take(holder, 1);
    counters->body_bytes.take(holder, body_bytes);
  });
}

ApiError too_many_requests() {
  return {.code = 429,
          .reason = "TooManyRequests",
          .message = "Too many requests, please try again later.",
          .retry_after_seconds = 1};
}

}  // namespace berth::api
