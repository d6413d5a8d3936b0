// api/host_certificate_page.cpp - see host_certificate_page.hpp.
#include "api/host_certificate_page.hpp"

#include <fmt/format.h>

#include "api/access/authorization.hpp"
#include "api/http/tls_module.hpp"
#include "api/request/api_error.hpp"
#include "base/log.hpp"
#include "model/base64.hpp"

namespace berth::api {
namespace {

constexpr std::size_t kMaxAddresses = 8;

struct Asked {
  HostRequest host;
  bool may_make_authority = false;
};

Result<Asked> read_request(const HttpRequest& request) {
  const auto bad = [](std::string why) { return Error(ErrorCode::InvalidArgument, "the body: " + std::move(why)); };
  const auto body = parse_json(request.body);
  if (!body) return bad(body.error().message());
  Asked asked;
  asked.may_make_authority = request.user.role == Role::Admin;
  asked.host.request = std::string(find_string(*body, {"request"}));
  asked.host.node = std::string(find_string(*body, {"node"}));
  if (!model::is_dns_subdomain(asked.host.node)) return bad("node: must be a lower-case DNS name");
  const auto* addresses = find(*body, {"addresses"});
  if (addresses == nullptr || !addresses->is_array() || addresses->get_array().empty() ||
      addresses->get_array().size() > kMaxAddresses) {
    return bad(fmt::format("addresses: must be a list of 1 to {}", kMaxAddresses));
  }
  for (const auto& each : addresses->get_array()) {
    const auto text = each.is_string() ? std::string(view(each.get_string())) : std::string();
    if (!parse_tcp_address(text.find(':') == std::string::npos ? text + ":1" : "[" + text + "]:1")) {
      return bad(fmt::format("addresses: \"{}\" is no IP address", text));
    }
    asked.host.names.push_back(text);
  }
  for (const auto* name : {"127.0.0.1", "localhost"}) asked.host.names.emplace_back(name);
  asked.host.names.push_back(asked.host.node);
  return asked;
}

Result<PemPair> stored_authority(const store::Store& store, const model::ObjectKey& key) {
  const auto secret = store.get(key);
  if (!secret) return Error(ErrorCode::NotFound, key.display() + ": this is no cluster of `berth cluster init`");
  const json::value object(secret->raw);
  const auto certificate = model::decode_base64(find_string(object, {"data", "tls.crt"}));
  const auto private_key = model::decode_base64(find_string(object, {"data", "tls.key"}));
  if (!certificate || !private_key) return Error(ErrorCode::DataLoss, key.display() + ": no base64");
  return PemPair{*certificate, *private_key};
}

Result<PemPair> make_authority(const TlsModule& tls, store::Store& store, const model::ObjectKey& key, WallTime now) {
  auto made = tls.make_host_authority(now);
  if (!made) return made;
  auto secret = model::make_object(
      {{"apiVersion", "v1"},
       {"kind", "Secret"},
       {"metadata", {{"name", key.name}, {"namespace", key.ns}}},
       {"type", "kubernetes.io/tls"},
       {"data", {{"tls.crt", model::encode_base64(made->certificate)}, {"tls.key", model::encode_base64(made->key)}}}});
  if (!secret) return secret.error();
  auto created = store::create_and_wait(store, *std::move(secret));
  // Somebody else was first: theirs is the one.
  if (failed_with(created, ErrorCode::AlreadyExists)) return stored_authority(store, key);
  if (!created) return created.error().context("keep the CA of the cluster's hosts");
  return made;
}

/// What this host has in common with all others.
json::object settings_of(const ClusterSettings& settings) {
  return {{"etcdEndpoints", json::array(settings.etcd_endpoints.begin(), settings.etcd_endpoints.end())},
          {"etcdPrefix", settings.etcd_prefix},
          {"clusterCIDR", settings.cluster_cidr},
          {"serviceCIDR", settings.service_cidr},
          {"clusterDomain", settings.cluster_domain},
          {"mode", settings.mode}};
}

/// Blocks.
Result<json::object> sign(ApiContext& context, const Asked& asked) {
  const auto tls = tls_module();
  if (!tls) return tls.error();
  const model::ObjectKey key{model::Kind::Secret, "kube-system", "berth-ca"};
  const auto now = context.clock.wall();
  auto authority = stored_authority(context.store, key);
  if (failed_with(authority, ErrorCode::NotFound) && asked.may_make_authority) {
    authority = make_authority(**tls, context.store, key, now);
  }
  if (!authority) return authority.error();
  auto certificate = (*tls)->sign_host(*authority, asked.host, now);
  if (!certificate) return certificate.error();
  return json::object{
      {"certificate", *certificate}, {"ca", authority->certificate}, {"settings", settings_of(context.config.cluster)}};
}

HttpResponse answer_of(const Result<json::object>& made) {
  if (!made) {
    const auto& error = made.error();
    if (error.code() == ErrorCode::InvalidArgument) return to_response(bad_request(error.message()));
    if (error.code() == ErrorCode::NotFound) {
      return to_response({.code = 404, .reason = "NotFound", .message = error.message()});
    }
    return to_response(internal(error.message()));
  }
  HttpResponse response;
  response.body = json::serialize(*made);
  return response;
}

}  // namespace

bool handle_host_certificate(ApiContext& context, const Target& target, const HttpRequest& request,
                             const Respond& respond) {
  if (target.segments != std::vector<std::string>{"berth", "v1", "cluster", "certificate"}) return false;
  if (request.method != Method::Post) {
    respond(to_response(method_not_allowed()));
    return true;
  }
  auto asked = read_request(request);
  if (!asked) {
    respond(answer_of(asked.error()));
    return true;
  }
  context.lane.run(
      [&context, asked = *std::move(asked), user = request.user.name, post = context.reactor.post(), respond] {
        auto made = std::make_shared<Result<json::object>>(sign(context, asked));
        if (*made) {
          log(LogLevel::Info, "signed a host's certificate", {{"node", asked.host.node}, {"by", user}});
        }
        post([made, respond] { respond(answer_of(*made)); });
      });
  return true;
}

}  // namespace berth::api
