// model/selector.cpp - see selector.hpp.
#include "model/selector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "model/names.hpp"
#include "model/pod_wishes.hpp"

namespace berth::model {
namespace {

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Gt and Lt compare integers and need the label; NotIn and DoesNotExist hold where the label is missing.
bool satisfies(const SelectorRequirement& want, const std::string* value) {
  const auto listed = [&] { return std::find(want.values.begin(), want.values.end(), *value) != want.values.end(); };
  if (want.op == "Exists") return value != nullptr;
  if (want.op == "DoesNotExist") return value == nullptr;
  if (want.op == "NotIn") return value == nullptr || !listed();
  if (value == nullptr) return false;
  if (want.op == "In") return listed();
  if ((want.op != "Gt" && want.op != "Lt") || want.values.size() != 1) return false;
  const auto have = number(*value);
  const auto bound = number(want.values.front());
  if (!have || !bound) return false;
  return want.op == "Gt" ? *have > *bound : *have < *bound;
}

bool satisfies(const SelectorRequirement& want, const StringMap& labels) {
  const auto found = labels.find(want.key);
  return satisfies(want, found == labels.end() ? nullptr : &found->second);
}

/// A cursor over the query form of a label selector.
class SelectorParser {
 public:
  explicit SelectorParser(std::string_view text) : text_(text) {}

  Result<LabelSelector> parse() {
    LabelSelector selector;
    skip_space();
    while (at_ < text_.size()) {
      auto status = requirement(selector);
      if (!status) return std::move(status).error();
      skip_space();
      if (at_ == text_.size()) break;
      if (text_[at_] != ',') return bad("expected ','");
      ++at_;
      skip_space();
      if (at_ == text_.size()) return bad("expected a key after ','");
    }
    return selector;
  }

 private:
  Error bad(std::string_view why) const {
    return {ErrorCode::InvalidArgument,
            fmt::format("label selector \"{}\": at character {}: {}",
                        text_.substr(0, std::min<std::size_t>(text_.size(), 200)), at_ + 1, why)};
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  std::string_view word() {
    skip_space();
    const auto from = at_;
    while (at_ < text_.size() && std::string_view("=!,()<> \t").find(text_[at_]) == std::string_view::npos) ++at_;
    return text_.substr(from, at_ - from);
  }

  bool take(std::string_view token) {
    skip_space();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  Status requirement(LabelSelector& selector) {
    const bool negated = take("!");
    const auto key = std::string(word());
    if (auto why = qualified_name_error(key); !why.empty()) return bad("the key " + why);
    skip_space();
    const bool ends = at_ == text_.size() || text_[at_] == ',';
    if (negated || ends) {
      if (!ends) return bad("expected ','");
      selector.match_expressions.push_back({key, negated ? "DoesNotExist" : "Exists", {}});
      return Ok{};
    }
    if (take("!=")) return one_value(selector, key, "NotIn");
    if (take("==") || take("=")) return one_value(selector, key, "In");
    if (take(">")) return one_value(selector, key, "Gt");
    if (take("<")) return one_value(selector, key, "Lt");
    const auto op = word();
    if (op != "in" && op != "notin") return bad("expected =, ==, !=, in, notin, > or <");
    return value_list(selector, key, op == "in" ? "In" : "NotIn");
  }

  Status one_value(LabelSelector& selector, const std::string& key, const std::string& op) {
    const auto value = std::string(word());
    if (auto why = label_value_error(value); !why.empty()) return bad("the value " + why);
    if ((op == "Gt" || op == "Lt") && !number(value)) return bad("expected an integer");
    if (op == "In" && !selector.match_labels.contains(key)) {
      selector.match_labels.emplace(key, value);
    } else {
      selector.match_expressions.push_back({key, op, {value}});
    }
    return Ok{};
  }

  Status value_list(LabelSelector& selector, const std::string& key, const std::string& op) {
    if (!take("(")) return bad("expected '('");
    SelectorRequirement want{key, op, {}};
    do {
      want.values.emplace_back(word());
      if (auto why = label_value_error(want.values.back()); !why.empty()) return bad("the value " + why);
    } while (take(","));
    if (!take(")")) return bad("expected ')'");
    selector.match_expressions.push_back(std::move(want));
    return Ok{};
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool matches(const StringMap& selector, const StringMap& labels) {
  return std::all_of(selector.begin(), selector.end(), [&](const auto& want) {
    const auto found = labels.find(want.first);
    return found != labels.end() && found->second == want.second;
  });
}

bool matches(const LabelSelector& selector, const StringMap& labels) {
  return matches(selector.match_labels, labels) &&
         std::all_of(selector.match_expressions.begin(), selector.match_expressions.end(),
                     [&](const SelectorRequirement& want) { return satisfies(want, labels); });
}

Result<LabelSelector> parse_label_selector(std::string_view text) { return SelectorParser(text).parse(); }

bool selects(const NodeSelectorTerm& term, const Node& node) {
  if (term.match_expressions.empty() && term.match_fields.empty()) return false;  // an empty term selects nothing
  const auto label_ok = [&](const SelectorRequirement& want) { return satisfies(want, node.meta.labels); };
  const auto field_ok = [&](const SelectorRequirement& want) {
    return want.key == "metadata.name" && satisfies(want, &node.meta.name);  // the only field Kubernetes knows here
  };
  return std::all_of(term.match_expressions.begin(), term.match_expressions.end(), label_ok) &&
         std::all_of(term.match_fields.begin(), term.match_fields.end(), field_ok);
}

bool node_matches(const PodSpec& spec, const Node& node) {
  if (!matches(spec.node_selector, node.meta.labels)) return false;
  const auto& terms = spec.required_node_affinity;
  return terms.empty() ||
         std::any_of(terms.begin(), terms.end(), [&](const auto& term) { return selects(term, node); });
}

bool tolerates(const Toleration& toleration, const Taint& taint) {
  if (!toleration.effect.empty() && toleration.effect != taint.effect) return false;
  if (!toleration.key.empty() && toleration.key != taint.key) return false;
  if (toleration.op == "Exists") return true;
  return !toleration.key.empty() && toleration.value == taint.value;
}

const Taint* untolerated(const std::vector<Toleration>& tolerations, const std::vector<Taint>& taints) {
  for (const auto& taint : taints) {
    if (taint.effect != "NoSchedule" && taint.effect != "NoExecute") continue;
    const auto admits = [&](const Toleration& toleration) { return tolerates(toleration, taint); };
    if (std::none_of(tolerations.begin(), tolerations.end(), admits)) return &taint;
  }
  return nullptr;
}

}  // namespace berth::model
