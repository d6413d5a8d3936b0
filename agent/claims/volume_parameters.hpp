// agent/claims/volume_parameters.hpp - what a volume was made with: the parameters of its class, kept on itself. Pure.
#pragma once

#include <string>

#include "agent/objects/object_index.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// The parameters that a volume was made with: its annotation; none when there is none or it is no object of strings.
model::StringMap parameters_of(const model::PersistentVolume& volume);

/// The secret that parameters name (iscsiSecretName, iscsiSecretNamespace), in `ns` when they name no namespace;
/// ("", "") when they name none.
Name secret_of(const model::StringMap& parameters, const std::string& ns);

}  // namespace berth::agent
