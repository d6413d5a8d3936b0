// agent/claims/volume_parameters.cpp - see volume_parameters.hpp.
#include "agent/claims/volume_parameters.hpp"

#include "agent/claims/provisioners.hpp"

namespace berth::agent {

model::StringMap parameters_of(const model::PersistentVolume& volume) {
  model::StringMap parameters;
  const auto found = volume.meta.annotations.find(std::string(kParameters));
  if (found == volume.meta.annotations.end()) return parameters;
  const auto document = parse_json(found->second);
  if (!document || !document->is_object()) return parameters;
  for (const auto& entry : document->get_object()) {
    if (!entry.value().is_string()) continue;
    parameters[std::string(entry.key().data(), entry.key().size())] = std::string(view(entry.value().get_string()));
  }
  return parameters;
}

Name secret_of(const model::StringMap& parameters, const std::string& ns) {
  const auto name = parameters.find("iscsiSecretName");
  if (name == parameters.end()) return {};
  const auto secret_ns = parameters.find("iscsiSecretNamespace");
  return {secret_ns == parameters.end() ? ns : secret_ns->second, name->second};
}

}  // namespace berth::agent
