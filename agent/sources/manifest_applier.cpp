// agent/sources/manifest_applier.cpp - the boring part: look, plan, write, again.
#include "agent/sources/manifest_applier.hpp"

#include <algorithm>
#include <utility>

namespace berth::agent {
namespace {

/// Between tries when the store cannot take writes.
constexpr std::chrono::seconds kRetry{5};

bool has_source(const model::Object& object) {
  return object.meta.annotations.contains(std::string(kSourceAnnotation));
}

}  // namespace

ManifestApplier::ManifestApplier(Loop& loop, store::Store& store, const Clock& clock,
                                 std::function<void(const Finding&)> report)
    : loop_(loop), store_(store), clock_(clock), report_(std::move(report)) {
  // What we made and somebody removed (a pod that had to be replaced, a hasty kubectl delete) is made again.
  auto watch = store_.watch(std::nullopt, store_.revision(), [this, alive = alive_](const store::Change& change) {
    const auto concerns_us = has_source(*change.object) || change.object->kind == model::Kind::Namespace;
    if (change.type != store::ChangeType::Deleted || !concerns_us) return;
    loop_.post([this, alive] {
      if (*alive) plan_soon();
    });
  });
  if (watch) watch_ = *std::move(watch);
}

ManifestApplier::~ManifestApplier() {
  watch_.reset();
  *alive_ = false;
}

void ManifestApplier::take(SourceSnapshot snapshot) {
  if (snapshot.complete) {
    unread_.erase(snapshot.name);
  } else {
    unread_[snapshot.name] = snapshot.error;
  }
  const auto known =
      std::find_if(sources_.begin(), sources_.end(), [&](const auto& source) { return source.name == snapshot.name; });
  if (known == sources_.end()) {
    sources_.push_back(std::move(snapshot));
  } else if (snapshot.complete || !known->complete) {
    *known = std::move(snapshot);
  } else {
    // The last complete one stands, but what is missing from it is not proof that it is gone.
    for (auto& file : snapshot.files) {
      const auto same = std::find_if(known->files.begin(), known->files.end(),
                                     [&](const auto& each) { return each->id == file->id; });
      if (same == known->files.end()) {
        known->files.push_back(std::move(file));
      } else {
        *same = std::move(file);
      }
    }
  }
  plan_soon();
}

void ManifestApplier::plan_soon() {
  if (outstanding_ != 0) {
    again_ = true;
    return;
  }
  plan_now();
}

StoredObjects ManifestApplier::look() const {
  std::set<model::ObjectKey> named;
  for (const auto& source : sources_) {
    for (const auto& file : source.files) {
      for (const auto& object : file->manifest.objects) named.insert(object.key());
    }
  }
  StoredObjects stored;
  for (const auto& kind : model::all_kinds()) {
    if (kind.kind == model::Kind::Event || kind.kind == model::Kind::Lease) continue;  // many, and never from files
    for (auto& object : store_.list(kind.kind).objects) {
      const auto key = object->key();
      if (kind.kind == model::Kind::Namespace || has_source(*object) || named.contains(key)) {
        stored.emplace(key, std::move(object));
      }
    }
  }
  return stored;
}

void ManifestApplier::plan_now() {
  again_ = false;
  retry_.reset();
  auto plan = plan_manifests(sources_, look(), clock_.wall());
  for (const auto& [source, error] : unread_) {
    model::Problem problem;
    problem.message = error + "; what it made stays";
    plan.findings.push_back({LogLevel::Error, std::move(problem)});
  }
  for (const auto& [key, error] : std::exchange(refused_, {})) {
    model::Problem problem;
    problem.object = key.display();
    problem.message = error;
    plan.findings.push_back({LogLevel::Error, std::move(problem)});
  }
  tell(plan.findings);
  outstanding_ = plan.writes.size();
  for (auto& each : plan.writes) write(std::move(each));
}

void ManifestApplier::write(PlannedWrite write) {
  const auto key = write.key;
  auto done = [this, key, alive = alive_, &loop = loop_](const Result<model::ObjectPtr>& result) {
    loop.post([this, key, alive, status = result ? Status(Ok{}) : Status(result.error())] {
      if (*alive) written(key, status);
    });
  };
  if (write.verb == PlannedWrite::Verb::Remove) {
    return store_.remove(key, write.expected, Durability::Durable, std::move(done));
  }
  auto object = model::make_object(std::move(write.raw));
  if (!object) return done(std::move(object).error());
  if (write.verb == PlannedWrite::Verb::Create) {
    return store_.create(*std::move(object), Durability::Durable, std::move(done));
  }
  store_.update(*std::move(object), write.expected, Durability::Durable, std::move(done));
}

void ManifestApplier::written(const model::ObjectKey& key, const Status& status) {
  --outstanding_;
  if (!status) {
    switch (status.error().code()) {
      case ErrorCode::Aborted:
      case ErrorCode::AlreadyExists:
      case ErrorCode::NotFound: again_ = true; break;  // somebody else was faster: look again
      case ErrorCode::Cancelled:
      case ErrorCode::Unknown:
      case ErrorCode::InvalidArgument:
      case ErrorCode::DeadlineExceeded:
      case ErrorCode::PermissionDenied:
      case ErrorCode::ResourceExhausted:
      case ErrorCode::FailedPrecondition:
      case ErrorCode::OutOfRange:
      case ErrorCode::Unimplemented:
      case ErrorCode::Internal:
      case ErrorCode::Unavailable:
      case ErrorCode::DataLoss:
      case ErrorCode::Unauthenticated:
        refused_[key] = status.error().message();
        retry_ = loop_.after(kRetry, [this] { plan_soon(); });
        break;
    }
  }
  if (outstanding_ != 0) return;
  if (again_) return plan_now();
  if (refused_.empty()) return;
  for (const auto& [refused, message] : refused_) {
    model::Problem problem;
    problem.object = refused.display();
    problem.message = message;
    if (told_.insert(problem.text()).second) report_({LogLevel::Error, std::move(problem)});
  }
}

void ManifestApplier::tell(const std::vector<Finding>& findings) {
  std::set<std::string> now;
  for (const auto& finding : findings) {
    const auto text = finding.problem.text();
    if (now.insert(text).second && !told_.contains(text)) report_(finding);
  }
  told_ = std::move(now);
}

}  // namespace berth::agent
