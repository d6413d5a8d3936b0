// api/http/admission.cpp - how much may go on at once: requests, watches, streams, bytes of bodies.
#include "api/http/admission.hpp"

namespace berth::api {

struct Admission::Counters {
  Counter requests;
  Counter watches;
  Counter streams;
  Counter body_bytes;
};

Admission::Admission(const AdmissionLimits& limits) : limits_(limits), counters_(std::make_shared<Counters>()) {}

ApiResult<std::shared_ptr<void>> Admission::admit(Role role, const AccessRequest& access, const Query& query,
                                                  std::size_t body_bytes) {
  const bool is_admin = role == Role::Admin;
  const bool is_stream = access.subresource == "exec" || access.subresource == "attach" ||
                         access.subresource == "portforward" || (access.subresource == "log" && query.flag("follow"));
  const bool is_watch = access.verb == "watch";
  auto& counter = is_stream ? counters_->streams : is_watch ? counters_->watches : counters_->requests;
  const auto limit = is_stream ? limits_.streams : is_watch ? limits_.watches : limits_.requests;
  const auto has_room = [is_admin](const Counter& used, std::size_t more, std::size_t most) {
    return used.used + more <= most && (is_admin || used.used_by_others + more <= most / 2);
  };
  // As in Kubernetes, an admin's short requests are never turned away: they are how trouble is ended.
  const bool exempt = is_admin && !is_stream && !is_watch;
  if (!exempt && !has_room(counter, 1, limit)) return too_many_requests();
  if (body_bytes > 0 && !has_room(counters_->body_bytes, body_bytes, limits_.body_bytes)) return too_many_requests();
  const auto add = [is_admin](Counter& used, std::size_t more) {
    used.used += more;
    if (!is_admin) used.used_by_others += more;
  };
  add(counter, 1);
  add(counters_->body_bytes, body_bytes);
  return std::shared_ptr<void>(nullptr, [counters = counters_, &counter, body_bytes, is_admin](void*) {
    const auto take = [is_admin](Counter& used, std::size_t less) {
      used.used -= less;
      if (!is_admin) used.used_by_others -= less;
    };
    take(counter, 1);
    take(counters->body_bytes, body_bytes);
  });
}

ApiError too_many_requests() {
  return {.code = 429, .reason = "TooManyRequests", .message = "Too many requests, please try again later."};
}

}  // namespace berth::api
