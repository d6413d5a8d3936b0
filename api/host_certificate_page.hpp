// api/host_certificate_page.hpp - /berth/v1/cluster/certificate: a host's certificate, signed by the cluster's CA.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// False: not this page, `respond` was not used.
///
/// POST {"request": PEM of PKCS #10, "node": NAME, "addresses": [...]} by an admin, or by who has a bootstrap token.
/// The answer has "certificate" (a year, O `berth:hosts`, the CA's behind it), "ca", and "settings": what a host has to
/// have in common with the others. The CA is Secret kube-system/berth-ca; where there is none an admin's request makes
/// it.
bool handle_host_certificate(ApiContext& context, const Target& target, const HttpRequest& request,
                             const Respond& respond);

}  // namespace berth::api
