// store/etcd/copy_keeper.cpp - see copy_keeper.hpp.
#include "store/etcd/copy_keeper.hpp"

#include <algorithm>

namespace berth::store::etcd {
namespace {

constexpr const char* kCopy = "copy";
constexpr std::chrono::minutes kAgain{1};  ///< After a write that failed.
constexpr int kShare = 200;                ///< Of the time, at most one part is spent on writing.

}  // namespace

CopyKeeper::CopyKeeper(Loop& loop, std::shared_ptr<LoopPoster> poster, const ObjectTable& table, ProblemList& problems,
                       Options options)
    : loop_(loop),
      poster_(std::move(poster)),
      table_(table),
      problems_(problems),
      options_(std::move(options)),
      wait_(options_.after),
      lane_(make_thread_lane("copy", 1)) {}

CopyKeeper::~CopyKeeper() {
  lane_.reset();  // What is being written ends first.
  // A write that was queued and not begun is lost with its lane: all of it again costs a comparison.
  all_ = all_ || writing_;
  if (!store_.empty() && (all_ || !changed_.empty())) bring(gather()).ok();
}

bool CopyKeeper::is_left_out(const model::ObjectKey& key) const {
  return key.kind == model::Kind::Event || (options_.leaves_out && options_.leaves_out(key));
}

void CopyKeeper::take_all(const std::string& store) {
  store_ = store;
  all_ = true;
  write_soon();
}

void CopyKeeper::take(const std::vector<Change>& changes) {
  for (const auto& change : changes) {
    auto key = change.object->key();
    if (!is_left_out(key)) changed_.insert(std::move(key));
  }
  if (!changed_.empty()) write_soon();
}

void CopyKeeper::write_soon() {
  if (writing_ || timer_ != nullptr) return;
  timer_ = loop_.after(wait_, [this] { write(); });
}

void CopyKeeper::write() {
  timer_.reset();
  writing_ = true;
  const auto batch = std::make_shared<Batch>(gather());
  lane_->run([this, batch] {
    const auto begun = std::chrono::steady_clock::now();
    auto status = bring(std::move(*batch));
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
    poster_->post([this, status = std::move(status), took] { written(status, took); });
  });
}

/// Only this thread changes the table: what is gathered is how it is at one revision.
CopyKeeper::Batch CopyKeeper::gather() {
  Batch batch{.store = store_, .all = std::exchange(all_, false), .objects = {}, .revision = table_.revision()};
  const auto changed = std::exchange(changed_, {});
  if (!batch.all) {
    for (const auto& key : changed) batch.objects.emplace_back(key, table_.kept(key));
    return batch;
  }
  for (auto& [kind, names] : table_.all()) {
    for (auto& [name, kept] : names) {
      model::ObjectKey key{kind, name.first, name.second};
      if (!is_left_out(key)) batch.objects.emplace_back(std::move(key), kept);
    }
  }
  return batch;
}

Status CopyKeeper::bring(Batch batch) {
  if (file_ == nullptr) {
    auto opened = CopyFile::open(options_.file, options_.of, batch.store);
    if (!opened) return std::move(opened).error();
    file_ = *std::move(opened);
  }
  auto done = batch.all ? file_->write_all(std::move(batch.objects), batch.revision)
                        : file_->write(batch.objects, batch.revision);
  if (done) return done;
  file_.reset();
  if (done.error().code() == ErrorCode::DataLoss) remove_copy(options_.file);
  return done;
}

void CopyKeeper::written(const Status& status, std::chrono::milliseconds took) {
  writing_ = false;
  if (status) {
    wait_ = std::max(options_.after, took * kShare);
    problems_.solve(kCopy);
  } else {
    all_ = true;
    wait_ = kAgain;
    problems_.report(kCopy, {.what = options_.file.native(),
                             .reason = "the copy for a start without etcd is not renewed: " + status.error().message(),
                             .kind = {},
                             .ns = {},
                             .name = {}});
  }
  if (all_ || !changed_.empty()) write_soon();
}

}  // namespace berth::store::etcd
