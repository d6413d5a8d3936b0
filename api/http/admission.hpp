// api/http/admission.hpp - how much may go on at once: requests, watches, streams, bytes of bodies.
#pragma once

#include <cstddef>
#include <memory>

#include "api/access/authorization.hpp"
#include "api/request/api_error.hpp"
#include "api/request/user.hpp"

namespace berth::api {

/// Whoever is no admin shares half of each, and has at most half of that half: nobody who may only look can keep an
/// admin out, or the others who may only look. Other hosts have as much of each for themselves: they have bounded their
/// users already, and must not take the places of ours.
struct AdmissionLimits {
  std::size_t requests = 200;  ///< That are answered and done with.
  std::size_t watches = 1000;
  std::size_t streams = 128;                  ///< exec, attach, port-forward, logs -f
  std::size_t body_bytes = 32 * 1024 * 1024;  ///< Of bodies that are being read or worked on.
};

/// Counts. API thread only.
class Admission {
 public:
  explicit Admission(const AdmissionLimits& limits);

  /// A place for one request, given back when the last copy goes; 429 when there is none. Watches and streams are told
  /// from others by what is asked for. `body_bytes`: as announced, or the most that will be read.
  ApiResult<std::shared_ptr<void>> admit(const User& user, const AccessRequest& access, const Query& query,
                                         std::size_t body_bytes);

 private:
  struct Counters;
  AdmissionLimits limits_;
  std::shared_ptr<Counters> counters_;  ///< Shared with places that outlive us.
  std::shared_ptr<Counters> of_hosts_;  ///< The same.
};

/// 429, with the seconds after which to try again.
ApiError too_many_requests();

}  // namespace berth::api
