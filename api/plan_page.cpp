// api/plan_page.cpp - see plan_page.hpp.
#include "api/plan_page.hpp"

#include <algorithm>

#include "api/request/api_error.hpp"
#include "api/router.hpp"
#include "api/usage/request_counters.hpp"

namespace berth::api {
namespace {

/// Of the object that one apply is about; nullopt: its path is no object's.
std::optional<model::ObjectKey> key_of(const json::value& apply) {
  const auto target = parse_target(std::string(find_string(apply, {"path"})));
  const auto path = target ? parse_resource_path(target->segments) : std::nullopt;
  if (!path || path->name.empty() || !path->subresource.empty() || path->watch) return std::nullopt;
  return model::ObjectKey{path->kind, path->ns, path->name};
}

/// One request under way: the copy, and what came of each write so far. Kept alive by its callbacks.
class Trial : public std::enable_shared_from_this<Trial> {
 public:
  Trial(ApiContext& context, const HttpRequest& request, json::array applies, Respond respond)
      : context_(context), request_(request), applies_(std::move(applies)), respond_(std::move(respond)) {}

  void begin() {
    context_.lane.run([self = shared_from_this()] {
      self->copy_ = self->context_.config.rehearsal.copy();
      self->context_.reactor.post()([self] {
        self->tried_.emplace(ApiContext{.config = self->context_.config,
                                        .store = *self->copy_,
                                        .runtime = self->context_.runtime,
                                        .logs = self->context_.logs,
                                        .health = self->context_.health,
                                        .reactor = self->context_.reactor,
                                        .lane = self->context_.lane,
                                        .dial_lane = self->context_.dial_lane,
                                        .clock = self->context_.clock,
                                        .requests = std::make_shared<RequestCounters>()});
        self->apply_next();
      });
    });
  }

 private:
  void apply_next() {
    if (at_ == applies_.size()) return play();
    const auto& each = applies_[at_];
    const auto* object = find(each, {"object"});
    HttpRequest write;
    write.method = Method::Patch;
    write.target = std::string(find_string(each, {"path"}));
    write.content_type = "application/apply-patch+yaml";
    write.accept = "application/json";
    write.user_agent = request_.user_agent;
    write.user = request_.user;
    write.body = object == nullptr ? "" : json::serialize(*object);
    const auto key = *key_of(each);  // handle_plan has looked at all of them.
    const auto before = copy_->revision();
    route(*tried_, std::move(write), [self = shared_from_this(), key, before](const HttpResponse& response) {
      self->applied(key, before, response);
      self->apply_next();
    });
  }

  void applied(const model::ObjectKey& key, store::Revision before, const HttpResponse& response) {
    json::object out{{"kind", model::info(key.kind).name}, {"namespace", key.ns}, {"name", key.name}};
    constexpr unsigned kCreated = 201;
    constexpr unsigned kFirstError = 300;
    if (response.code >= kFirstError) {
      const auto status = parse_json(response.body);
      out["result"] = "refuse";
      out["code"] = response.code;
      out["message"] = status ? find_string(*status, {"message"}) : std::string_view(response.body);
    } else {
      out["result"] = copy_->revision() == before ? "unchanged" : response.code == kCreated ? "create" : "update";
      keys_.insert(key);
    }
    objects_.push_back(std::move(out));
    ++at_;
  }

  void play() {
    context_.lane.run([self = shared_from_this()] {
      json::array steps;
      for (const auto& [workload, what] : self->context_.config.rehearsal.play(*self->copy_, self->keys_)) {
        steps.push_back({{"kind", model::info(workload.kind).name},
                         {"namespace", workload.ns},
                         {"name", workload.name},
                         {"step", what}});
      }
      json::object body{{"objects", std::move(self->objects_)}, {"steps", std::move(steps)}};
      self->context_.reactor.post()([self, body = json::serialize(body)]() mutable {
        HttpResponse response;
        response.body = std::move(body);
        self->respond_(std::move(response));
      });
    });
  }

  ApiContext& context_;
  const HttpRequest request_;
  const json::array applies_;
  const Respond respond_;
  std::unique_ptr<store::Store> copy_;
  std::optional<ApiContext> tried_;  ///< As context_, but with the copy for its store.
  std::size_t at_ = 0;
  json::array objects_;
  std::set<model::ObjectKey> keys_;
};

}  // namespace

bool handle_plan(ApiContext& context, const Target& target, const HttpRequest& request, const Respond& respond) {
  if (!context.config.rehearsal.copy || target.segments != std::vector<std::string>{"berth", "v1", "plan"}) {
    return false;
  }
  if (request.method != Method::Post) {
    respond(to_response(method_not_allowed()));
    return true;
  }
  auto body = parse_json(request.body);
  const auto* applies = body ? find(*body, {"applies"}) : nullptr;
  if (applies == nullptr || !applies->is_array()) {
    respond(to_response(bad_request("the body: wanted {\"applies\": [{\"path\": ..., \"object\": {...}}, ...]}")));
    return true;
  }
  for (const auto& each : applies->get_array()) {
    if (key_of(each)) continue;
    respond(to_response(bad_request("path: not an object's: " + std::string(find_string(each, {"path"})))));
    return true;
  }
  std::make_shared<Trial>(context, request, applies->get_array(), respond)->begin();
  return true;
}

}  // namespace berth::api
