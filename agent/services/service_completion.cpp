// agent/services/service_completion.cpp - see service_completion.hpp.
#include "agent/services/service_completion.hpp"

#include <vector>

namespace berth::agent {

store::Completion service_completion(const model::ServiceRange& range) {
  return [range](model::Object& object, const model::Object* old,
                 const std::function<std::vector<model::ObjectPtr>()>& all) -> Status {
    if (object.kind != model::Kind::Service) return Ok{};
    if (model::has_service_addresses(object.raw, old == nullptr ? nullptr : &old->raw)) return Ok{};
    const auto others = all();
    std::vector<const json::object*> raws;
    raws.reserve(others.size());
    for (const auto& other : others) raws.push_back(&other->raw);
    return model::allocate_service(range, object.raw, old == nullptr ? nullptr : &old->raw, raws);
  };
}

}  // namespace berth::agent
