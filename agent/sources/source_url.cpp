// agent/sources/source_url.cpp - asks for a URL now and then; the asking itself is in https/.
#include "agent/sources/source_url.hpp"

#include <fmt/format.h>

#include <mutex>
#include <optional>
#include <utility>

#include "https/loader.hpp"

namespace berth::agent {
namespace {

class UrlSource final : public Source {
 public:
  UrlSource(Loop& loop, Lane& lane, UrlSourceOptions options, OnSnapshot on_snapshot)
      : loop_(loop),
        lane_(lane),
        options_(std::make_shared<const UrlSourceOptions>(std::move(options))),
        on_snapshot_(std::move(on_snapshot)),
        name_(options_->name.empty() ? "url:" + options_->request.url : options_->name) {
    read_again();
  }
  UrlSource(const UrlSource&) = delete;
  UrlSource& operator=(const UrlSource&) = delete;
  ~UrlSource() override { *alive_ = false; }

  const std::string& name() const override { return name_; }

  void read_again() override {
    if (std::exchange(asking_, true)) return;
    timer_.reset();
    lane_.run([&loop = loop_, options = options_, etag = etag_, name = name_, alive = alive_, this] {
      auto answer = ask(*options, etag);
      auto snapshot = std::make_shared<std::optional<SourceSnapshot>>();
      std::string next_etag = answer ? answer->etag : etag;
      if (!answer || answer->modified) *snapshot = read(std::move(answer), *options, name);
      loop.post([alive, snapshot, next_etag, this] {
        if (*alive) finish(std::move(*snapshot), next_etag);
      });
    });
  }

 private:
  static Result<https::UrlAnswer> ask(const UrlSourceOptions& options, const std::string& etag) {
    const auto module = https::https_module();
    if (!module) return module.error();
    return (*module)->fetch(options.request, etag);
  }

  static SourceSnapshot read(Result<https::UrlAnswer> answer, const UrlSourceOptions& options,
                             const std::string& name) {
    SourceSnapshot snapshot;
    snapshot.name = name;
    if (!answer) {
      snapshot.error = answer.error().context("get " + options.request.url).message();
      return snapshot;
    }
    auto file = std::make_shared<SourceFile>();
    file->id = name;
    file->hash = content_hash(answer->body);
    file->manifest = model::read_manifest(answer->body, options.request.url, {}, options.hosts);
    // An empty answer is a broken server more often than a wish: what it made stays.
    if (file->manifest.errors.empty() && file->empty()) {
      model::Problem problem;
      problem.file = options.request.url;
      problem.message = "no objects in it: nothing is changed";
      file->manifest.errors.push_back(std::move(problem));
    }
    hash_objects(*file);
    snapshot.complete = true;
    snapshot.files.push_back(std::move(file));
    return snapshot;
  }

  void finish(std::optional<SourceSnapshot> snapshot, const std::string& etag) {
    asking_ = false;
    etag_ = etag;
    timer_ = loop_.after(options_->interval, [this] { read_again(); });
    if (snapshot) on_snapshot_(std::move(*snapshot));
  }

  Loop& loop_;
  Lane& lane_;
  std::shared_ptr<const UrlSourceOptions> options_;
  OnSnapshot on_snapshot_;
  std::string name_;
  std::string etag_;  ///< Of the newest answer that was taken.
  std::unique_ptr<LoopHandle> timer_;
  bool asking_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< Loop thread only.
};

}  // namespace

std::unique_ptr<Source> make_url_source(Loop& loop, Lane& lane, UrlSourceOptions options, OnSnapshot on_snapshot) {
  return std::make_unique<UrlSource>(loop, lane, std::move(options), std::move(on_snapshot));
}

}  // namespace berth::agent
