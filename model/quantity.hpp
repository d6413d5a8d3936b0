// model/quantity.hpp - "250m", "1Gi", "2e3": Kubernetes' numbers with suffixes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::model {

/// A Kubernetes resource.Quantity kept exactly as thousandths, with the text it came from.
/// See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
class Quantity {
 public:
  Quantity() = default;

  /// InvalidArgument when the text is not a quantity, or too large for 2^63 thousandths.
  static Result<Quantity> parse(std::string_view text);

  /// Thousandths: 1500 for "1.5" cpu. Rounded up, as Kubernetes does.
  std::int64_t milli() const { return milli_; }
  /// Whole units: bytes for memory and storage. Rounded up.
  std::int64_t value() const;
  bool is_zero() const { return milli_ == 0; }

  /// As it was written.
  const std::string& text() const { return text_; }

  bool operator==(const Quantity& other) const { return milli_ == other.milli_; }
  auto operator<=>(const Quantity& other) const { return milli_ <=> other.milli_; }

 private:
  std::int64_t milli_ = 0;
  std::string text_ = "0";
};

}  // namespace berth::model
