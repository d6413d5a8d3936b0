// model/quantity.hpp - "250m", "1Gi", "2e3": Kubernetes' numbers with suffixes.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::model {

/// A Kubernetes resource.Quantity kept exactly to the thousandth, with the text it came from. As there, the greatest is
/// 2^63-1 units, and what is more is that: "20Ei" of a filer that promises everything is no error.
/// See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
class Quantity {
 public:
  Quantity() = default;

  /// InvalidArgument when the text is not a quantity.
  static Result<Quantity> parse(std::string_view text);

  /// Thousandths: 1500 for "1.5" cpu. Rounded up, as Kubernetes does; at most 2^63-1, whatever the amount.
  std::int64_t milli() const;
  /// Whole units: bytes for memory and storage. Rounded up.
  std::int64_t value() const;
  bool is_zero() const { return whole_ == 0 && part_ == 0; }

  /// As it was written.
  const std::string& text() const { return text_; }

  bool operator==(const Quantity& other) const { return (*this <=> other) == 0; }
  std::strong_ordering operator<=>(const Quantity& other) const {
    return whole_ != other.whole_ ? whole_ <=> other.whole_ : part_ <=> other.part_;
  }

 private:
  std::int64_t whole_ = 0;  ///< Units, rounded down: -2 for -1.5.
  std::int64_t part_ = 0;   ///< Thousandths above whole_, 0 to 999.
  std::string text_ = "0";
};

/// How fine an amount is kept: Kubernetes rounds up to a thousandth where resources are listed, else to 10^-9.
enum class QuantityStep { Milli, Nano };

/// The one text that Kubernetes writes for this amount: "500m" for "0.5", "1Gi" for "1024Mi", "1" for "1000m". None
/// when it is no quantity.
std::optional<std::string> canonical_quantity(std::string_view text, QuantityStep step);

}  // namespace berth::model
