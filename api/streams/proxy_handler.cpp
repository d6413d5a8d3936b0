// api/streams/proxy_handler.cpp - see proxy_handler.hpp.
#include "api/streams/proxy_handler.hpp"

#include <boost/beast/core/string.hpp>

#include "api/request/api_error.hpp"
#include "api/streams/proxy_exchange.hpp"
#include "api/streams/proxy_target.hpp"

namespace berth::api {

namespace {

ApiResult<TcpAddress> find_address(const ApiContext& context, const ProxyTarget& target) {
  static std::size_t turn = 0;  // API thread only.
  const auto found = context.store.get({target.kind, target.ns, target.name});
  if (!found) return not_found(model::info(target.kind), target.name);
  if (target.kind == model::Kind::Pod) return pod_address(target, found->raw);
  const auto endpoints = context.store.get({model::Kind::Endpoints, target.ns, target.name});
  return service_address(target, found->raw, endpoints ? &endpoints->raw : nullptr, turn++);
}

/// A path of the other server is one below ours.
Respond with_locations(Respond respond, std::string base) {
  return [respond = std::move(respond), base = std::move(base)](HttpResponse response) {
    for (auto& [name, value] : response.headers) {
      if (boost::beast::iequals(name, "Location") && value.starts_with('/')) value.insert(0, base);
    }
    respond(std::move(response));
  };
}

}  // namespace

bool handle_proxy(ApiContext& context, const Target& target, const HttpRequest& request, const Respond& respond) {
  const auto parsed = parse_proxy_target(request.target, target);
  if (!parsed) return false;
  const auto refuse = [&](const ApiError& error) {
    respond(to_response(error));
    return true;
  };
  if (!*parsed) return refuse(parsed->error());
  const auto& wanted = **parsed;
  if (request.upgrade != Upgrade::None) return refuse(bad_request("this proxy speaks plain HTTP: no upgrades"));
  if (wanted.scheme == "https") return refuse(bad_request("this proxy speaks plain HTTP: no https"));
  const auto base = request.target.substr(0, request.target.size() - wanted.rest.size());
  if (wanted.rest.empty() && request.method == Method::Get) {
    // Else what a page links to would lie beside it.
    HttpResponse response;
    response.code = 301;
    response.headers.emplace_back("Location", base + "/");
    respond(std::move(response));
    return true;
  }
  const auto address = find_address(context, wanted);
  if (!address) return refuse(address.error());
  const auto path = wanted.rest.empty() ? std::string("/") : wanted.rest;
  start_proxy_exchange(context,
                       {.target = proxied_target(context, *address),
                        .request = proxied_request(request, *address, path, word_of(request.method))},
                       with_locations(respond, base));
  return true;
}

}  // namespace berth::api
