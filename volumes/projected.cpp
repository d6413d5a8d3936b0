// volumes/projected.cpp - several sources in one directory, see file_volumes.hpp.
#include <variant>

#include "volumes/file_volumes.hpp"

namespace berth::volumes {
namespace {

struct PayloadOf {
  const PodVolumesSpec& spec;
  std::int32_t default_mode;
  Result<Payload> operator()(const model::ConfigMapSource& source) const {
    return config_map_payload(source, default_mode, spec);
  }
  Result<Payload> operator()(const model::SecretSource& source) const {
    return secret_payload(source, default_mode, spec);
  }
  Result<Payload> operator()(const model::DownwardSource& source) const {
    return downward_payload(source, default_mode, spec);
  }
};

}  // namespace

Result<Payload> projected_payload(const model::ProjectedSource& source, const PodVolumesSpec& spec) {
  Payload all;
  for (const auto& part : source.sources) {
    auto files = std::visit(PayloadOf{spec, source.default_mode}, part);
    if (!files) return files.error();
    for (auto& [path, file] : *files) all[path] = std::move(file);
  }
  return all;
}

}  // namespace berth::volumes
