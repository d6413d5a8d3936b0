// agent/object_records.cpp - see object_records.hpp.
#include "agent/object_records.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/sha256.hpp"

namespace berth::agent {
namespace {

constexpr const char* kEnding = ".json";

/// Of a path that somebody's annotation may name.
bool is_uid(const std::string& text) {
  constexpr std::size_t kLongest = 64;
  return !text.empty() && text.size() <= kLongest &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
}

/// "Service.default.web": a namespace has no dot, and a uid neither. A name that a file cannot have, NAME_MAX with what
/// is written beside it until it is whole, ends in its digest.
std::string file_name(const model::ObjectKey& key) {
  constexpr std::size_t kLongest = 200;
  constexpr std::size_t kDigest = 64;
  auto name = std::string(model::info(key.kind).name) + "." + key.ns + "." + key.name;
  if (name.size() > kLongest) name = name.substr(0, kLongest - kDigest - 1) + "." + sha256_hex(name);
  return name;
}

/// Empty: it is not recorded.
std::string file_name(const model::Object& object) {
  if (object.kind == model::Kind::Pod) return is_uid(object.meta.uid) ? object.meta.uid : std::string();
  auto name = file_name(object.key());
  return name.find('/') == std::string::npos ? name : std::string();
}

Result<model::Object> read_object(const std::filesystem::path& file) {
  auto text = read_file(file);
  if (!text) return std::move(text).error();
  auto raw = parse_json(*text);
  if (!raw) return std::move(raw).error();
  if (!raw->is_object()) return Error(ErrorCode::DataLoss, "not an object");
  return model::make_object(std::move(raw->get_object()));
}

}  // namespace

/// What is to be written. Its own, so that the lane's threads may end after us; and whoever of them comes takes all of
/// it, so that an older state never replaces a newer one.
struct ObjectRecords::Desk {
  std::filesystem::path directory;
  std::mutex writing;
  std::mutex lock;                                 ///< Of the following.
  std::map<std::string, model::ObjectPtr> wanted;  ///< Null: the file goes.
  std::optional<std::set<std::string>> sweep;      ///< All others go, before anything is written.

  void clear() {
    const std::scoped_lock one_at_a_time(writing);
    std::map<std::string, model::ObjectPtr> now;
    std::optional<std::set<std::string>> keep;
    {
      const std::scoped_lock shortly(lock);
      std::swap(now, wanted);
      std::swap(keep, sweep);
    }
    std::error_code error;
    if (keep) {
      for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        if (!keep->contains(entry.path().stem().string())) std::filesystem::remove(entry.path(), error);
      }
    }
    for (const auto& [name, object] : now) {
      const auto file = directory / (name + kEnding);
      if (object == nullptr) {
        std::filesystem::remove(file, error);
      } else {
        std::ignore = write_file(file, json::serialize(object->raw), 0600);
      }
    }
  }
};

ObjectRecords::ObjectRecords(std::filesystem::path directory, Lane& lane)
    : directory_(std::move(directory)), lane_(lane), desk_(std::make_shared<Desk>()) {
  desk_->directory = directory_;
  if (auto made = make_directories(directory_, 0700); !made) {
    log(LogLevel::Warning, "pods are not recorded", {{"error", made.error().message()}});
  }
}

void ObjectRecords::write() {
  lane_.run([desk = desk_] { desk->clear(); });
}

void ObjectRecords::keep(const model::ObjectPtr& object) {
  if (object == nullptr) return;
  const auto name = file_name(*object);
  if (name.empty()) return;
  kept_.insert(name);
  {
    const std::scoped_lock shortly(desk_->lock);
    desk_->wanted[name] = object;
  }
  write();
}

void ObjectRecords::keep_all(const std::vector<model::ObjectPtr>& others) {
  auto gone = kept_;
  for (const auto& object : others) {
    gone.erase(file_name(*object));
    keep(object);
  }
  for (const auto& name : gone) {
    if (!is_uid(name)) forget_file(name);
  }
}

void ObjectRecords::forget(const model::ObjectKey& key) { forget_file(file_name(key)); }

void ObjectRecords::forget_file(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos) return;
  kept_.erase(name);
  {
    const std::scoped_lock shortly(desk_->lock);
    desk_->wanted[name] = nullptr;
  }
  write();
}

void ObjectRecords::sweep() {
  {
    const std::scoped_lock shortly(desk_->lock);
    desk_->sweep = kept_;
  }
  write();
}

Result<model::Object> ObjectRecords::read_pod(const std::string& uid) const {
  if (!is_uid(uid)) return Error(ErrorCode::InvalidArgument, "read the record of a pod: no uid");
  auto recorded = read_object(directory_ / (uid + kEnding));
  if (!recorded) return std::move(recorded).error().context("read the record of a pod");
  if (recorded->kind != model::Kind::Pod || recorded->meta.uid != uid) {
    return Error(ErrorCode::DataLoss, "read the record of a pod: it is of another one");
  }
  auto raw = std::move(recorded->raw);
  auto& metadata = raw["metadata"].as_object();
  for (const auto* field : {"resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
                            "deletionGracePeriodSeconds", "ownerReferences", "finalizers", "managedFields"}) {
    metadata.erase(field);
  }
  return model::make_object(std::move(raw));
}

std::vector<model::ObjectPtr> ObjectRecords::all() const {
  std::vector<model::ObjectPtr> objects;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    if (entry.path().extension() != kEnding) continue;
    auto object = read_object(entry.path());
    if (object) objects.push_back(std::make_shared<const model::Object>(*std::move(object)));
  }
  return objects;
}

}  // namespace berth::agent
