// api/usage/object_metrics.hpp - what the stored objects say, as metrics: counted when somebody asks, kept nowhere.
#pragma once

#include <string>

#include "store/store.hpp"

namespace berth::api {

/// In Prometheus' text format; of pods and sets what kube-state-metrics has, under its names. Any thread.
void append_objects(std::string& out, const store::Store& store);

}  // namespace berth::api
