// cli/create_workload.cpp - see create_workload.hpp.
#include "cli/create_workload.hpp"

#include <set>

#include <fmt/format.h>

namespace berth::cli {

namespace {

/// "registry:5000/shop/web:1.2@sha256:..." → "web": what a container may be called.
std::string container_name(std::string_view image) {
  image = image.substr(0, image.find('@'));
  image.remove_prefix(std::min(image.rfind('/') + 1, image.size()));
  image = image.substr(0, image.find(':'));
  std::string name;
  for (const char c : image) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    name += (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ? lower : '-';
  }
  return name;
}

}  // namespace

Result<json::value> CreateDeployment::to_json() const {
  if (images.empty()) return Error(ErrorCode::InvalidArgument, "required flag(s) \"image\" not set");
  if (images.size() > 1 && !command.empty()) {
    return Error(ErrorCode::InvalidArgument, "cannot specify multiple --image options and command");
  }
  json::array containers;
  std::set<std::string> names;
  for (const auto& image : images) {
    auto called = container_name(image);
    for (int next = 2; !names.insert(called).second; ++next) called = fmt::format("{}-{}", container_name(image), next);
    json::object container{{"name", called}, {"image", image}, {"resources", json::object{}}};
    if (!command.empty()) container["command"] = json::array(command.begin(), command.end());
    if (port && containers.empty()) container["ports"] = json::array{{{"containerPort", *port}}};
    containers.emplace_back(std::move(container));
  }
  const json::object labels{{"app", name}};
  return json::value(json::object{
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata", {{"name", name}, {"labels", labels}}},
      {"spec",
       {{"replicas", replicas.value_or(1)},
        {"selector", {{"matchLabels", labels}}},
        {"template", {{"metadata", {{"labels", labels}}}, {"spec", {{"containers", std::move(containers)}}}}}}}});
}

Result<json::value> CreateCronJob::to_json() const {
  for (const auto& [flag, value] : {std::pair("image", &image), std::pair("schedule", &schedule)}) {
    if (value->empty()) return Error(ErrorCode::InvalidArgument, fmt::format("required flag(s) \"{}\" not set", flag));
  }
  json::object container{{"name", name}, {"image", image}, {"resources", json::object{}}};
  if (!command.empty()) container["command"] = json::array(command.begin(), command.end());
  json::object pod{{"containers", json::array{std::move(container)}}, {"restartPolicy", restart}};
  json::object job{{"metadata", {{"name", name}}}, {"spec", {{"template", {{"spec", std::move(pod)}}}}}};
  return json::value(json::object{{"apiVersion", "batch/v1"},
                                  {"kind", "CronJob"},
                                  {"metadata", {{"name", name}}},
                                  {"spec", {{"schedule", schedule}, {"jobTemplate", std::move(job)}}}});
}

}  // namespace berth::cli
