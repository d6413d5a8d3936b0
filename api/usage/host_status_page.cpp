// api/usage/host_status_page.cpp - see host_status_page.hpp.
#include "api/usage/host_status_page.hpp"

#include "api/request/api_error.hpp"

namespace berth::api {

bool handle_host_status(ApiContext& context, const Target& target, Method method, const Respond& respond) {
  if (!context.config.host_status || target.segments != std::vector<std::string>{"berth", "v1", "status"}) return false;
  if (method != Method::Get) {
    respond(to_response(method_not_allowed()));
    return true;
  }
  context.lane.run([ask = context.config.host_status, post = context.reactor.post(), respond] {
    post([respond, body = json::serialize(model::encode_host_status(ask()))]() mutable {
      HttpResponse response;
      response.body = std::move(body);
      respond(std::move(response));
    });
  });
  return true;
}

}  // namespace berth::api
