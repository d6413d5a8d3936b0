// api/reads/selection.hpp - which objects a list or watch asks for: labelSelector and fieldSelector. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/request/api_error.hpp"
#include "model/model.hpp"

namespace berth::api {

struct FieldRequirement {
  std::string field;  ///< "metadata.name", "involvedObject.uid"
  std::string value;
  bool equal = true;  ///< false: "!="
};

class Selection {
 public:
  Selection() = default;

  /// 400 when a selector does not parse or names a field that `kind` cannot be selected by.
  static ApiResult<Selection> parse(const model::KindInfo& kind, std::string_view labels, std::string_view fields);

  bool matches(const model::Object& object) const;
  bool matches_everything() const { return !has_labels_ && fields_.empty(); }

 private:
  model::LabelSelector labels_;
  bool has_labels_ = false;
  std::vector<FieldRequirement> fields_;
};

/// "a=b,c!=d,e==f" with \-escapes for '\', ',' and '='. InvalidArgument when it is not that.
Result<std::vector<FieldRequirement>> parse_field_selector(std::string_view text);

}  // namespace berth::api
