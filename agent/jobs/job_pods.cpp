// agent/jobs/job_pods.cpp - see job_pods.hpp.
#include "agent/jobs/job_pods.hpp"

#include <fmt/format.h>

#include "agent/objects/revision.hpp"
#include "model/deletion.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

constexpr const char* kIndexVariable = "JOB_COMPLETION_INDEX";

void add_index_variable(json::object& spec, const char* list) {
  auto* containers = spec.if_contains(list);
  if (containers == nullptr || !containers->is_array()) return;
  for (auto& container : containers->get_array()) {
    if (!container.is_object()) continue;
    auto& variables = container.get_object()["env"];
    if (!variables.is_array()) variables.emplace_array();
    auto is_there = false;
    for (const auto& each : variables.get_array()) is_there = is_there || find_string(each, {"name"}) == kIndexVariable;
    if (is_there) continue;
    variables.get_array().push_back(
        {{"name", kIndexVariable},
         {"valueFrom",
          {{"fieldRef",
            {{"apiVersion", "v1"}, {"fieldPath", fmt::format("metadata.annotations['{}']", model::kJobIndex)}}}}}});
  }
}

}  // namespace

json::object make_job_pod(const model::Job& job, const NewJobPod& pod, const std::string& name) {
  json::object metadata{{"name", name}, {"namespace", job.meta.ns}};
  for (const auto& [key, value] : job.pod_template.meta.labels) model::object_in(metadata, "labels")[key] = value;
  for (const auto& [key, value] : job.pod_template.meta.annotations)
    model::object_in(metadata, "annotations")[key] = value;
  json::array finalizers;
  for (const auto& each : job.pod_template.meta.finalizers) finalizers.emplace_back(each);
  finalizers.emplace_back(model::kJobTracking);
  metadata["finalizers"] = std::move(finalizers);
  metadata["ownerReferences"] = json::array{make_owner_reference(job.meta, "Job")};
  json::object spec;
  if (const auto* from = job.pod_template.raw.if_contains("spec"); from != nullptr && from->is_object()) {
    spec = from->get_object();
  }
  if (pod.index) {
    const auto index = std::to_string(*pod.index);
    model::object_in(metadata, "annotations")[model::kJobIndex] = index;
    model::object_in(metadata, "labels")[model::kJobIndex] = index;
    if (job.backoff_limit_per_index) {
      model::object_in(metadata, "annotations")[model::kJobIndexFailures] = std::to_string(pod.failures);
      if (pod.ignored > 0)
        model::object_in(metadata, "annotations")[model::kJobIndexIgnored] = std::to_string(pod.ignored);
    }
    spec["hostname"] = fmt::format("{}-{}", job.meta.name, index);
    add_index_variable(spec, "initContainers");
    add_index_variable(spec, "containers");
  }
  return {{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", std::move(metadata)}, {"spec", std::move(spec)}};
}

std::string job_pod_name(const std::string& job_name, std::optional<std::int32_t> index, const std::string& letters) {
  constexpr std::size_t kLongest = 63;
  const auto which = index ? fmt::format("-{}", *index) : std::string();
  return fmt::format("{}{}-{}", job_name.substr(0, kLongest - which.size() - letters.size() - 1), which, letters);
}

std::string JobPodNames::name_of(std::optional<std::int32_t> index, std::uint64_t number) const {
  constexpr std::size_t kLetters = 5;
  return job_pod_name(
      job_name_, index,
      template_hash({{"salt", salt_}, {"index", index.value_or(-1)}, {"number", number}}).substr(0, kLetters));
}

std::string JobPodNames::next(std::optional<std::int32_t> index,
                              const std::function<bool(const std::string&)>& is_seen) {
  auto& used = used_[index.value_or(-1)];
  for (std::uint64_t number = 0;; ++number) {
    if (used.contains(number)) continue;
    auto name = name_of(index, number);
    if (is_seen(name)) {
      used.insert(number);
    } else if (given_.insert(name).second) {
      return name;
    }
  }
}

}  // namespace berth::agent
