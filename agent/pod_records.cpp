// agent/pod_records.cpp - see pod_records.hpp.
#include "agent/pod_records.hpp"

#include <algorithm>

#include "base/atomic_file.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

/// Of a path that somebody's annotation may name.
bool is_uid(const std::string& text) {
  constexpr std::size_t kLongest = 64;
  return !text.empty() && text.size() <= kLongest &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
}

}  // namespace

PodRecords::PodRecords(std::filesystem::path directory, Lane& lane) : directory_(std::move(directory)), lane_(lane) {
  if (auto made = make_directories(directory_, 0700); !made) {
    log(LogLevel::Warning, "pods are not recorded", {{"error", made.error().message()}});
  }
}

void PodRecords::keep(const model::ObjectPtr& pod) {
  if (pod == nullptr || !is_uid(pod->meta.uid) || !kept_.insert(pod->meta.uid).second) return;
  lane_.run([file = directory_ / (pod->meta.uid + ".json"), pod] {
    // Failing is harmless: the pod can then be removed but not adopted, should its store be lost.
    std::ignore = write_file(file, json::serialize(pod->raw), 0600);
  });
}

void PodRecords::forget(const std::string& uid) {
  if (!is_uid(uid)) return;
  kept_.erase(uid);
  lane_.run([file = directory_ / (uid + ".json")] {
    std::error_code error;
    std::filesystem::remove(file, error);
  });
}

Result<model::Object> PodRecords::read(const std::string& uid) const {
  if (!is_uid(uid)) return Error(ErrorCode::InvalidArgument, "read the record of a pod: no uid");
  auto text = read_file(directory_ / (uid + ".json"));
  if (!text) return std::move(text).error();
  auto raw = parse_json(*text);
  if (!raw) return std::move(raw).error();
  if (!raw->is_object()) return Error(ErrorCode::DataLoss, "read the record of a pod: not an object");
  auto& pod = raw->get_object();
  auto* metadata = pod.if_contains("metadata");
  if (metadata != nullptr && metadata->is_object()) {
    for (const auto* field : {"resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
                              "deletionGracePeriodSeconds", "ownerReferences", "finalizers", "managedFields"}) {
      metadata->get_object().erase(field);
    }
  }
  auto object = model::make_object(std::move(pod));
  if (!object) return object;
  if (object->kind != model::Kind::Pod || object->meta.uid != uid) {
    return Error(ErrorCode::DataLoss, "read the record of a pod: it is of another one");
  }
  return object;
}

}  // namespace berth::agent
