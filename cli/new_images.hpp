// cli/new_images.hpp - what `berth set image` changes in an object. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/meta.hpp"

namespace berth::cli {

/// Container ("*": all) and image.
using NewImages = std::vector<std::pair<std::string, std::string>>;

/// Takes the words of the form CONTAINER=IMAGE out of `words`. InvalidArgument: there is none.
Result<NewImages> take_images(std::vector<std::string>& words);

/// A strategic merge patch that gives the containers (and init containers) of `object` these images; an empty object
/// when they have them. InvalidArgument: it has no pod template, or no container of that name.
Result<json::object> image_patch(const model::KindInfo& kind, const json::value& object, const NewImages& images);

}  // namespace berth::cli
