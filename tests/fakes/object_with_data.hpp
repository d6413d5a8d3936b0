// tests/fakes/object_with_data.hpp - a config map or secret that has these keys.
#pragma once

#include <memory>
#include <utility>

namespace berth {

template <typename Object>
std::shared_ptr<const Object> object_with(decltype(Object::data) data) {
  Object object;
  object.data = std::move(data);
  return std::make_shared<const Object>(std::move(object));
}

}  // namespace berth
