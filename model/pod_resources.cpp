// model/pod_resources.cpp - see pod_resources.hpp.
#include "model/pod_resources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "model/json_edit.hpp"
#include "model/quantity.hpp"
#include "model/reader.hpp"

namespace berth::model {
namespace {

constexpr std::int64_t kThousand = 1000;

void add(Amounts& to, const Amounts& more) {
  for (const auto& [name, amount] : more) to[name] += amount;
}

void take_greater(Amounts& to, const Amounts& other) {
  for (const auto& [name, amount] : other) {
    auto& known = to[name];
    if (amount.milli > known.milli) known = amount;
  }
}

Amounts amounts_in(const json::object& container, std::string_view list) {
  const auto* resources = object_at(container, "resources");
  return resources == nullptr ? Amounts() : amounts_of(resources->if_contains(list));
}

}  // namespace

Amount& Amount::operator+=(const Amount& other) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  milli = other.milli > 0 && milli > kMost - other.milli ? kMost : milli + other.milli;
  binary = binary || other.binary;
  return *this;
}

std::string Amount::text() const {
  if (milli % kThousand != 0) return fmt::format("{}m", milli);
  auto whole = milli / kThousand;
  if (!binary || whole == 0) {
    return canonical_quantity(fmt::format("{}", whole), QuantityStep::Milli).value_or(fmt::format("{}", whole));
  }
  constexpr std::int64_t kStep = 1024;
  constexpr std::string_view kPrefixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  std::size_t step = 0;
  for (; step + 1 < std::size(kPrefixes) && whole % kStep == 0; ++step) whole /= kStep;
  return fmt::format("{}{}", whole, kPrefixes[step]);
}

Amount amount_of(const json::value& quantity) {
  const auto text = quantity_text(quantity);
  const auto parsed = text ? Quantity::parse(*text) : Result<Quantity>(Quantity());
  return parsed ? Amount{parsed->milli(), text && text->ends_with('i')} : Amount();
}

Amounts amounts_of(const json::value* list) {
  Amounts out;
  const auto* fields = list == nullptr ? nullptr : list->if_object();
  if (fields == nullptr) return out;
  for (const auto& entry : *fields) out[std::string(key_of(entry))] = amount_of(entry.value());
  return out;
}

Amounts pod_amounts(const json::object& pod, std::string_view list) {
  Amounts all;
  const auto* spec = object_at(pod, "spec");
  if (spec == nullptr) return all;
  each_object(*spec, "containers", [&](const json::object& container) { add(all, amounts_in(container, list)); });
  Amounts sidecars;
  Amounts at_start;
  each_object(*spec, "initContainers", [&](const json::object& container) {
    auto needs = amounts_in(container, list);
    if (text_at(container, "restartPolicy") == "Always") {
      add(sidecars, needs);
      needs = sidecars;
    } else {
      add(needs, sidecars);
    }
    take_greater(at_start, needs);
  });
  add(all, sidecars);
  take_greater(all, at_start);
  // Overhead without a limit bounds nothing.
  for (const auto& [name, amount] : amounts_of(spec->if_contains("overhead"))) {
    if (list == "requests" || all.contains(name)) all[name] += amount;
  }
  return all;
}

}  // namespace berth::model
