// api/usage/ailments_page.cpp - see ailments_page.hpp.
#include "api/usage/ailments_page.hpp"

#include <algorithm>

#include "api/encoding/field.hpp"
#include "api/request/api_error.hpp"
#include "model/ailments.hpp"

namespace berth::api {

namespace {

/// What sentences are made of: specifications are not looked at, and not copied.
json::value outline(const model::Object& object) {
  json::object out;
  for (const auto* part : {"metadata", "status"}) {
    const auto* found = object.raw.if_contains(part);
    if (found == nullptr || !found->is_object()) continue;
    auto& copy = out[part].emplace_object();
    for (const auto& [key, value] : found->get_object()) {
      if (key != "managedFields" && key != "annotations") copy.emplace(key, value);
    }
  }
  return out;
}

bool is_unbound(const json::value& claim) { return find_string(claim, {"status", "phase"}) != "Bound"; }

model::HostObjects objects_of(const store::Store& store) {
  model::HostObjects out;
  store.visit(model::Kind::Pod, {}, [&](const model::ObjectPtr& pod) { out.pods.push_back(outline(*pod)); });
  store.visit(model::Kind::PersistentVolumeClaim, {},
              [&](const model::ObjectPtr& claim) { out.claims.push_back(outline(*claim)); });
  // Of the many events only those count that say why a claim is not bound.
  if (std::none_of(out.claims.begin(), out.claims.end(), is_unbound)) return out;
  store.visit(model::Kind::Event, {}, [&](const model::ObjectPtr& event) {
    if (text_at(event->raw, {"type"}) != "Warning") return;
    if (text_at(event->raw, {"involvedObject", "kind"}) != "PersistentVolumeClaim") return;
    out.events.emplace_back(event->raw);
  });
  return out;
}

}  // namespace

bool handle_ailments(ApiContext& context, const Target& target, Method method, const Respond& respond) {
  if (!context.config.host_status || target.segments != std::vector<std::string>{"berth", "v1", "ailments"}) {
    return false;
  }
  if (method != Method::Get) {
    respond(to_response(method_not_allowed()));
    return true;
  }
  context.lane.run([&store = context.store, ask = context.config.host_status, post = context.reactor.post(), respond] {
    const auto ailing = model::ailments(ask(), objects_of(store));
    post([respond, body = json::serialize(json::object{{"items", model::encode_ailments(ailing)}})]() mutable {
      HttpResponse response;
      response.body = std::move(body);
      respond(std::move(response));
    });
  });
  return true;
}

}  // namespace berth::api
