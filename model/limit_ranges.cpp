// model/limit_ranges.cpp - see limit_ranges.hpp.
#include "model/limit_ranges.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/admission_internal.hpp"
#include "model/json_edit.hpp"
#include "model/pod_resources.hpp"

namespace berth::model {
namespace {

constexpr std::string_view kAnnotation = "kubernetes.io/limit-ranger";
constexpr std::string_view kSaid = "LimitRanger plugin set: ";

/// The parts of a text between separators.
std::vector<std::string_view> parts_of(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + separator.size(), text.size()));
  }
  return parts;
}

/// "cpu", "memory" of "...; cpu, memory request for container web; ...", whose end is `where`.
std::vector<std::string_view> filled_names(std::string_view said, std::string_view where) {
  for (auto part : parts_of(said.substr(kSaid.size()), "; ")) {
    if (!part.ends_with(where)) continue;
    part.remove_suffix(where.size());
    return parts_of(part, ", ");
  }
  return {};
}

/// The entries of all LimitRanges of the object's namespace.
std::vector<json::object> limits_for(const json::object& raw, const Stored& stored) {
  std::vector<json::object> all;
  for (const auto& range : stored.list(Kind::LimitRange, namespace_in(raw))) {
    if (const auto* spec = object_at(range->raw, "spec")) {
      each_object(*spec, "limits", [&](const json::object& limit) { all.push_back(limit); });
    }
  }
  return all;
}

/// Takes from `presets` what the container does not have; the names of those.
std::vector<std::string> fill(json::object& container, std::string_view list, const json::object& presets) {
  std::vector<std::string> names;
  for (const auto& entry : presets) {
    auto* resources = object_or_new(container, "resources");
    auto* amounts = resources == nullptr ? nullptr : object_or_new(*resources, list);
    if (amounts == nullptr || amounts->contains(entry.key())) continue;
    (*amounts)[entry.key()] = entry.value();
    names.emplace_back(key_of(entry));
  }
  std::sort(names.begin(), names.end());
  return names;
}

void fill_container(json::object& container, const json::object& limit, std::string_view what,
                    std::vector<std::string>& said) {
  struct Preset {
    std::string_view from;
    std::string_view list;
    std::string_view word;
  };
  for (const auto& [from, list, word] :
       {Preset{"defaultRequest", "requests", "request"}, Preset{"default", "limits", "limit"}}) {
    const auto* presets = object_at(limit, from);
    if (presets == nullptr) continue;
    const auto names = fill(container, list, *presets);
    if (!names.empty()) {
      said.push_back(fmt::format("{} {} for {} {}", fmt::join(names, ", "), word, what, text_at(container, "name")));
    }
  }
}

struct Asked {
  const Amounts& requests;
  const Amounts& limits;
};

const Amount* at(const Amounts& amounts, const std::string& name) {
  const auto found = amounts.find(name);
  return found == amounts.end() ? nullptr : &found->second;
}

void judge_least(std::string_view type, const std::string& name, const Amount& least, const Asked& asked,
                 std::vector<std::string>& wrong) {
  const auto* request = at(asked.requests, name);
  const auto* limit = at(asked.limits, name);
  const auto head = fmt::format("minimum {} usage per {} is {}", name, type, least.text());
  if (request == nullptr) {
    wrong.push_back(head + ".  No request is specified");
  } else if (request->milli < least.milli) {
    wrong.push_back(fmt::format("{}, but request is {}", head, request->text()));
  } else if (limit != nullptr && limit->milli < least.milli) {
    wrong.push_back(fmt::format("{}, but limit is {}", head, limit->text()));
  }
}

void judge_most(std::string_view type, const std::string& name, const Amount& most, const Asked& asked,
                std::vector<std::string>& wrong) {
  const auto* request = at(asked.requests, name);
  const auto* limit = at(asked.limits, name);
  const auto head = fmt::format("maximum {} usage per {} is {}", name, type, most.text());
  const bool of_claim = type == "PersistentVolumeClaim";
  if (of_claim && request == nullptr) {
    wrong.push_back(head + ".  No request is specified");
  } else if (!of_claim && limit == nullptr) {
    wrong.push_back(head + ".  No limit is specified");
  } else if (limit != nullptr && limit->milli > most.milli) {
    wrong.push_back(fmt::format("{}, but limit is {}", head, limit->text()));
  } else if (request != nullptr && request->milli > most.milli) {
    wrong.push_back(fmt::format("{}, but request is {}", head, request->text()));
  }
}

void judge_ratio(std::string_view type, const std::string& name, const Amount& most, const Asked& asked,
                 std::vector<std::string>& wrong) {
  const auto head = fmt::format("{} max limit to request ratio per {} is {}", name, type, most.text());
  for (const auto& [amounts, word] : {std::pair(&asked.requests, "request"), std::pair(&asked.limits, "limit")}) {
    const auto* amount = at(*amounts, name);
    if (amount != nullptr && amount->milli != 0) continue;
    return wrong.push_back(fmt::format("{}, but no {} is specified or {} is 0", head, word, word));
  }
  const auto ratio =
      static_cast<double>(at(asked.limits, name)->milli) / static_cast<double>(at(asked.requests, name)->milli);
  constexpr double kThousand = 1000;
  if (ratio * kThousand > static_cast<double>(most.milli)) {
    wrong.push_back(fmt::format("{}, but provided ratio is {:.6f}", head, ratio));
  }
}

void judge(const json::object& limit, const Asked& asked, std::vector<std::string>& wrong) {
  const auto type = text_at(limit, "type");
  for (const auto& [name, least] : amounts_of(limit.if_contains("min"))) judge_least(type, name, least, asked, wrong);
  for (const auto& [name, most] : amounts_of(limit.if_contains("max"))) judge_most(type, name, most, asked, wrong);
  for (const auto& [name, most] : amounts_of(limit.if_contains("maxLimitRequestRatio"))) {
    judge_ratio(type, name, most, asked, wrong);
  }
}

void judge_resources(const json::object& limit, const json::object& holder, std::vector<std::string>& wrong) {
  const auto* resources = object_at(holder, "resources");
  const auto list = [&](std::string_view name) {
    return amounts_of(resources == nullptr ? nullptr : resources->if_contains(name));
  };
  judge(limit, {list("requests"), list("limits")}, wrong);
}

/// `pod` and what `visit` gets of it are const, or neither is.
template <typename Object, typename Visit>
void each_container(Object& pod, const Visit& visit) {
  auto* spec = object_at(pod, "spec");
  if (spec == nullptr) return;
  each_object(*spec, "containers", [&](auto& each) { visit(each, "container"); });
  each_object(*spec, "initContainers", [&](auto& each) { visit(each, "init container"); });
}

}  // namespace

bool fill_by_limit_ranges(json::object& pod, const Stored& stored) {
  std::vector<std::string> said;
  for (const auto& limit : limits_for(pod, stored)) {
    if (text_at(limit, "type") != "Container") continue;
    each_container(
        pod, [&](json::object& container, std::string_view what) { fill_container(container, limit, what, said); });
  }
  if (said.empty()) return false;
  auto& annotations = object_in(object_in(pod, "metadata"), "annotations");
  annotations[kAnnotation] = fmt::format("{}{}", kSaid, fmt::join(said, "; "));
  return true;
}

Status judge_by_limit_ranges(Kind kind, const json::object& raw, const Stored& stored) {
  std::vector<std::string> wrong;
  const auto limits = limits_for(raw, stored);
  if (limits.empty()) return Ok{};
  for (const auto& limit : limits) {
    const auto type = text_at(limit, "type");
    if (kind == Kind::Pod && type == "Container") {
      each_container(
          raw, [&](const json::object& container, std::string_view) { judge_resources(limit, container, wrong); });
    } else if (kind == Kind::Pod && type == "Pod") {
      judge(limit, {pod_amounts(raw, "requests"), pod_amounts(raw, "limits")}, wrong);
    } else if (kind == Kind::PersistentVolumeClaim && type == "PersistentVolumeClaim") {
      if (const auto* spec = object_at(raw, "spec")) judge_resources(limit, *spec, wrong);
    }
  }
  if (wrong.empty()) return Ok{};
  return forbidden(kind, raw, wrong.size() == 1 ? wrong.front() : fmt::format("[{}]", fmt::join(wrong, ", ")));
}

void keep_of_limit_ranges(json::object& pod, const json::object& old) {
  const auto* metadata = object_at(old, "metadata");
  const auto* annotations = metadata == nullptr ? nullptr : object_at(*metadata, "annotations");
  const auto said = annotations == nullptr ? std::string_view() : text_at(*annotations, kAnnotation);
  if (!said.starts_with(kSaid)) return;
  each_container(pod, [&](json::object& container, std::string_view what) {
    const auto name = std::string(text_at(container, "name"));
    each_container(old, [&](const json::object& known, std::string_view kind) {
      const auto* resources = object_at(known, "resources");
      if (kind != what || resources == nullptr || text_at(known, "name") != name) return;
      for (const auto& [list, word] : {std::pair("requests", "request"), std::pair("limits", "limit")}) {
        const auto* amounts = object_at(*resources, list);
        if (amounts == nullptr) continue;
        auto filled = *amounts;
        const auto names = filled_names(said, fmt::format(" {} for {} {}", word, what, name));
        for (const auto& entry : *amounts) {
          if (std::find(names.begin(), names.end(), key_of(entry)) == names.end()) filled.erase(entry.key());
        }
        fill(container, list, filled);
      }
    });
  });
}

}  // namespace berth::model
