// api/usage/workload_metrics.hpp - what sets, jobs and their schedules say of themselves, under kube-state-metrics'
// names.
#pragma once

#include <string>
#include <string_view>

#include "model/meta.hpp"
#include "store/store.hpp"

namespace berth::api {

/// In Prometheus' text format. Any thread; reads time zones from files.
void append_workloads(std::string& out, const store::Store& store);

/// `namespace="default",pod="web-0"`, for the label `kind` "pod".
std::string object_labels(const model::Object& object, std::string_view kind);

}  // namespace berth::api
