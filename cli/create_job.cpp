// cli/create_job.cpp - see create_job.hpp.
#include "cli/create_job.hpp"

#include "cli/server.hpp"
#include "model/json_edit.hpp"

namespace berth::cli {

Result<json::value> CreateJob::to_json() const {
  if (image.empty()) return Error(ErrorCode::InvalidArgument, "either --image or --from must be specified");
  json::object container{{"name", name}, {"image", image}, {"resources", json::object{}}};
  if (!command.empty()) container["command"] = json::array(command.begin(), command.end());
  json::object pod{{"containers", json::array{std::move(container)}}, {"restartPolicy", "Never"}};
  return json::value(json::object{{"apiVersion", "batch/v1"},
                                  {"kind", "Job"},
                                  {"metadata", {{"name", name}}},
                                  {"spec", {{"template", {{"spec", std::move(pod)}}}}}});
}

json::value CreateJob::from_cron_job(const json::value& cron) const {
  json::object metadata{{"name", name}};
  for (const auto* part : {"labels", "annotations"}) {
    if (const auto* value = find(cron, {"spec", "jobTemplate", "metadata", part})) metadata[part] = *value;
  }
  model::object_in(metadata, "annotations")["cronjob.kubernetes.io/instantiate"] = "manual";
  metadata["ownerReferences"] = json::array{{{"apiVersion", "batch/v1"},
                                             {"kind", "CronJob"},
                                             {"name", name_of(cron)},
                                             {"uid", uid_of(cron)},
                                             {"controller", true}}};
  const auto* spec = find(cron, {"spec", "jobTemplate", "spec"});
  return json::object{{"apiVersion", "batch/v1"},
                      {"kind", "Job"},
                      {"metadata", std::move(metadata)},
                      {"spec", spec == nullptr ? json::value(json::object()) : *spec}};
}

}  // namespace berth::cli
