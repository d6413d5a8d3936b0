// api/encoding/json_body.cpp - see json_body.hpp.
#include "api/encoding/json_body.hpp"

#include <fmt/format.h>

#include "api/encoding/protobuf_body.hpp"

namespace berth::api {

ApiResult<json::object> read_json_body(const HttpRequest& request) {
  const auto type = media_type(request.content_type);
  if (type == kProtobufType) return read_protobuf_body(request.body);
  if (!type.empty() && type != "application/json") {
    return unsupported_media_type(
        fmt::format("the body of the request was in an unknown format ({}) - accepted media types include: "
                    "application/json, application/vnd.kubernetes.protobuf",
                    type));
  }
  auto parsed = parse_json(request.body);
  if (!parsed)
    return bad_request(fmt::format("couldn't get JSON from the request's body: {}", parsed.error().message()));
  if (!parsed->is_object()) return bad_request("the request's body must be a JSON object");
  return std::move(parsed->get_object());
}

}  // namespace berth::api
