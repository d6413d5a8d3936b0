// agent/sources/manifest_applier.cpp - the boring part: look, plan, write, again.
#include "agent/sources/manifest_applier.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace berth::agent {
namespace {

/// Between tries when the store cannot take writes.
constexpr std::chrono::seconds kRetry{5};

bool has_source(const model::Object& object) {
  return object.meta.annotations.contains(std::string(kSourceAnnotation));
}

Finding refusal(const model::ObjectKey& key, const std::string& file, const std::string& error) {
  model::Problem problem;
  problem.file = file.substr(file.find(':') + 1);
  problem.object = key.display();
  problem.message = error;
  return {LogLevel::Error, std::move(problem), source_of(file)};
}

model::Problem unread_problem(const std::string& error) {
  model::Problem problem;
  problem.message = error + "; what it made stays";
  return problem;
}

model::HostProblem as_status(const Finding& finding, WallTime since) {
  auto problem = finding.problem;
  model::HostProblem out;
  out.subject = problem.file.empty() ? problem.object : problem.file;
  out.line = problem.line;
  if (problem.file.empty()) problem.object.clear();
  problem.file.clear();
  problem.line = 0;
  out.message = problem.text();
  out.warning = finding.level == LogLevel::Warning;
  out.since = since;
  return out;
}

}  // namespace

ManifestApplier::ManifestApplier(Loop& loop, store::Store& store, const Clock& clock, std::string node,
                                 OwnPods own_pods, std::function<void(const Finding&)> report)
    : loop_(loop),
      store_(store),
      clock_(clock),
      node_(std::move(node)),
      own_pods_(own_pods),
      report_(std::move(report)) {
  follow();
}

bool ManifestApplier::may_be_ours(const model::Object& object) const {
  return has_source(object) && !owner_of(object, node_).foreign;
}

bool ManifestApplier::concerns_us(const store::Change& change) const {
  const auto& object = *change.object;
  if (may_be_ours(object) || (change.previous != nullptr && may_be_ours(*change.previous))) return true;
  return change.type == store::ChangeType::Deleted && (has_source(object) || object.kind == model::Kind::Namespace);
}

void ManifestApplier::follow() {
  const auto post = [this, alive = alive_](std::function<void()> job) {
    loop_.post([alive, job = std::move(job)] {
      if (*alive) job();
    });
  };
  watch_ = store_.follow({}, {.on_snapshot =
                                  [this, post](const store::Listing& /*objects were taken*/) {
                                    post([this, made = std::exchange(telling_, {})] {
                                      made_ = made;
                                      if (again_ || !sources_.empty()) plan_soon();
                                    });
                                  },
                              .on_object =
                                  [this](const model::ObjectPtr& object) {
                                    if (may_be_ours(*object)) telling_.insert(object->key());
                                  },
                              .on_change =
                                  [this, post](const store::Change& change) {
                                    if (concerns_us(change)) post([this, change] { on_change(change); });
                                  },
                              .on_lost = {}});
}

void ManifestApplier::on_change(const store::Change& change) {
  if (!made_) return;
  const auto key = change.object->key();
  const auto deleted = change.type == store::ChangeType::Deleted;
  if (!deleted && may_be_ours(*change.object)) {
    made_->insert(key);
  } else {
    made_->erase(key);
  }
  // What we made and somebody removed (a pod that had to be replaced, a hasty kubectl delete) is made again.
  if (deleted) plan_soon();
}

ManifestApplier::~ManifestApplier() {
  watch_.reset();
  *alive_ = false;
}

/// A directory that is not there is looked for each second: the same answer is no reason to plan again.
bool ManifestApplier::is_news(const SourceSnapshot& snapshot) const {
  const auto unread = unread_.find(snapshot.name);
  if (snapshot.complete || unread == unread_.end() || unread->second != snapshot.error) return true;
  const auto known =
      std::find_if(sources_.begin(), sources_.end(), [&](const auto& source) { return source.name == snapshot.name; });
  if (known == sources_.end()) return true;
  return std::any_of(snapshot.files.begin(), snapshot.files.end(), [&](const auto& file) {
    return std::find(known->files.begin(), known->files.end(), file) == known->files.end();
  });
}

void ManifestApplier::take(SourceSnapshot snapshot) {
  if (!is_news(snapshot)) return;
  if (snapshot.complete) {
    unread_.erase(snapshot.name);
    read_[snapshot.name] = clock_.wall();
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
    known->problems = std::move(snapshot.problems);
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

void ManifestApplier::stand_by(const std::string& source, bool standing_by) {
  const auto changed = standing_by ? standing_by_.insert(source).second : standing_by_.erase(source) != 0;
  if (changed) plan_soon();
}

void ManifestApplier::say(const std::string& source, const std::string& warning) {
  const auto known = said_.find(source);
  if (warning == (known == said_.end() ? std::string() : known->second)) return;
  if (warning.empty()) {
    said_.erase(known);
  } else {
    said_[source] = warning;
  }
  plan_soon();
}

void ManifestApplier::plan_soon() {
  if (outstanding_ != 0 || !made_) {
    again_ = true;
    return;
  }
  plan_now();
}

StoredObjects ManifestApplier::look() const {
  auto keys = *made_;
  for (const auto& source : sources_) {
    for (const auto& file : source.files) {
      for (const auto& object : file->manifest.objects) {
        keys.insert(object.key());
        if (!object.meta.ns.empty()) keys.insert({model::Kind::Namespace, "", object.meta.ns});
      }
    }
  }
  StoredObjects stored;
  for (const auto& key : keys) {
    if (auto object = store_.get(key)) stored.emplace(key, std::move(object));
  }
  return stored;
}

void ManifestApplier::plan_now() {
  again_ = false;
  retry_.reset();
  std::vector<SourceSnapshot> ours;
  std::copy_if(sources_.begin(), sources_.end(), std::back_inserter(ours),
               [this](const auto& source) { return !standing_by_.contains(source.name); });
  auto plan = plan_manifests(ours, look(), node_, own_pods_, clock_.wall());
  for (const auto& [source, error] : unread_) {
    plan.findings.push_back({LogLevel::Error, unread_problem(error), source});
  }
  for (const auto& [source, warning] : said_) {
    model::Problem problem;
    problem.file = source;
    problem.message = warning;
    plan.findings.push_back({LogLevel::Warning, std::move(problem), source});
  }
  for (auto& [key, finding] : std::exchange(refused_, {})) plan.findings.push_back(std::move(finding));
  tell(plan.findings, /*all=*/true);
  outstanding_ = plan.writes.size();
  for (auto& each : plan.writes) write(std::move(each));
}

void ManifestApplier::write(PlannedWrite write) {
  const auto key = write.key;
  auto done = [this, key, file = write.file, alive = alive_, &loop = loop_](const Result<model::ObjectPtr>& result) {
    loop.post([this, key, file, alive, status = result ? Status(Ok{}) : Status(result.error())] {
      if (*alive) written(key, file, status);
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

void ManifestApplier::written(const model::ObjectKey& key, const std::string& file, const Status& status) {
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
        refused_[key] = refusal(key, file, status.error().message());
        retry_ = loop_.after(kRetry, [this] { plan_soon(); });
        break;
    }
  }
  if (outstanding_ != 0) return;
  if (again_) return plan_now();
  if (refused_.empty()) return;
  std::vector<Finding> refusals;
  for (const auto& [refused, finding] : refused_) refusals.push_back(finding);
  tell(refusals, /*all=*/false);
}

/// `all`: there is nothing wrong but these; otherwise these besides.
void ManifestApplier::tell(const std::vector<Finding>& findings, bool all) {
  const auto now = clock_.wall();
  auto before = all ? std::exchange(told_, {}) : told_;
  for (const auto& finding : findings) {
    const auto text = finding.problem.text();
    if (!told_.try_emplace(text, Told{finding, now}).second) continue;
    if (const auto known = before.find(text); known != before.end()) {
      told_[text].since = known->second.since;
    } else {
      report_(finding);
    }
  }
  if (on_status_) on_status_(status());
}

std::vector<model::SourceStatus> ManifestApplier::status() const {
  std::vector<model::SourceStatus> all;
  for (const auto& source : sources_) {
    auto& status = all.emplace_back();
    status.name = source.name;
    status.files = static_cast<int>(source.files.size());
    for (const auto& file : source.files) {
      if (file->sound()) status.objects += static_cast<int>(file->manifest.objects.size());
    }
    if (const auto read = read_.find(source.name); read != read_.end()) status.read_at = read->second;
    std::string unread;
    if (const auto error = unread_.find(source.name); error != unread_.end()) {
      status.error = error->second;
      unread = unread_problem(error->second).text();
    }
    for (const auto level : {LogLevel::Error, LogLevel::Warning}) {
      for (const auto& [text, told] : told_) {
        if (told.finding.source != source.name || told.finding.level != level) continue;
        if (text == unread) {
          status.error_since = told.since;
        } else {
          status.problems.push_back(as_status(told.finding, told.since));
        }
      }
    }
  }
  return all;
}

}  // namespace berth::agent
