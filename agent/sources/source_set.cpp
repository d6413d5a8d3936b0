// agent/sources/source_set.cpp - see source_set.hpp.
#include "agent/sources/source_set.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/sources/cluster_sources.hpp"
#include "agent/sources/manifest_applier.hpp"
#include "agent/sources/source_directory.hpp"
#include "agent/sources/source_memories.hpp"
#include "agent/sources/source_url.hpp"
#include "base/counters.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

class Sources final : public SourceSet {
 public:
  Sources(SourceSetRooms rooms, const Config& config)
      : node_(config.node_name),
        on_event_(std::move(rooms.on_event)),
        on_status_(std::move(rooms.on_status)),
        applier_(rooms.loop, rooms.store, rooms.clock, config.node_name,
                 config.etcd ? OwnPods::Here : OwnPods::Anywhere, [this](const Finding& finding) { tell(finding); }) {
    applier_.on_status([this](std::vector<model::SourceStatus> spoken) { publish(std::move(spoken)); });
    if (rooms.shared) {
      std::set<std::string> names;
      for (const auto& source : config.sources) {
        if (source.is_clusters()) names.insert(source_name(source));
      }
      cluster_.emplace(ClusterSources::Context{.loop = rooms.loop,
                                               .store = rooms.store,
                                               .writer = rooms.shared->writer,
                                               .nodes = rooms.shared->nodes,
                                               .applier = applier_},
                       names);
    }
    const auto take = [this](SourceSnapshot snapshot) {
      if (cluster_ && cluster_->has(snapshot.name)) return cluster_->take(std::move(snapshot));
      applier_.take(std::move(snapshot));
    };
    const auto memories = config.state_dir / "sources";
    const auto hosts = config.etcd ? model::Hosts::Sharing : model::Hosts::Alone;
    for (const auto& source : config.sources) {
      if (source.url.empty()) {
        DirectorySourceOptions options;
        options.directory = source.directory;
        options.name = source_name(source);
        options.memory = memory_file(memories, source.directory);
        options.hosts = hosts;
        sources_.push_back(make_directory_source(rooms.loop, rooms.lane, std::move(options), take));
      } else {
        UrlSourceOptions options;
        options.request.url = source.url;
        options.name = source_name(source);
        options.interval = source.interval;
        options.hosts = hosts;
        options.request.ca_file = source.ca_file;
        options.request.token_file = source.token_file;
        sources_.push_back(make_url_source(rooms.loop, rooms.lane, std::move(options), take));
      }
    }
    forget_others(rooms, memories);
    publish({});
  }

  // Another set may follow, with other sources.
  ~Sources() override {
    for (const auto& source : sources_) counters().manifest_errors.forget(source->name());
  }
  void on_nodes() override {
    if (cluster_) cluster_->look();
  }
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;

 private:
  /// Empty: what its directory or URL is called.
  static std::string source_name(const SourceConfig& source) {
    return source.is_clusters() ? std::string(kClusterSource) + source.name : std::string();
  }

  /// The memories of what is no source any more, and of whose objects none is left.
  void forget_others(const SourceSetRooms& rooms, const std::filesystem::path& memories) {
    std::set<std::string> keep;
    for (const auto& source : sources_) keep.insert(source->name());
    rooms.lane.run([memories, keep = std::move(keep), node = node_, &store = rooms.store]() mutable {
      for (const auto& kind : model::all_kinds()) {
        store.visit(kind.kind, {}, [&](const model::ObjectPtr& object) {
          if (const auto owner = owner_of(*object, node); !owner.id.empty()) keep.insert(source_of(owner.id));
        });
      }
      for (const auto& source : forget_other_sources(memories, keep)) {
        log(LogLevel::Info, "forgot what a source was that is not in the configuration", {{"source", source}});
      }
    });
  }

  void tell(const Finding& finding) {
    const auto text = finding.problem.text();
    log(finding.level, "manifest: " + text);
    on_event_({model::Kind::Node, "", node_}, node_, "Warning",
              finding.level == LogLevel::Error ? "ManifestError" : "ManifestWarning", text);
  }

  /// `spoken` lacks the sources that have not been read yet.
  void publish(std::vector<model::SourceStatus> spoken) {
    std::vector<model::SourceStatus> all;
    for (const auto& source : sources_) {
      const auto found =
          std::find_if(spoken.begin(), spoken.end(), [&](const auto& each) { return each.name == source->name(); });
      auto& status = all.emplace_back();
      status.name = source->name();
      if (found != spoken.end()) status = std::move(*found);
      const auto errors =
          std::count_if(status.problems.begin(), status.problems.end(), [](const auto& each) { return !each.warning; });
      counters().manifest_errors.set(status.name, errors + (status.error.empty() ? 0 : 1));
    }
    on_status_(std::move(all));
  }

  const std::string node_;
  const EventSink on_event_;
  const std::function<void(std::vector<model::SourceStatus>)> on_status_;
  ManifestApplier applier_;
  std::optional<ClusterSources> cluster_;         ///< Where hosts share a store.
  std::vector<std::unique_ptr<Source>> sources_;  ///< Last, so that they end before what they report to.
};

}  // namespace

std::unique_ptr<SourceSet> make_source_set(SourceSetRooms rooms, const Config& config) {
  return std::make_unique<Sources>(std::move(rooms), config);
}

}  // namespace berth::agent
