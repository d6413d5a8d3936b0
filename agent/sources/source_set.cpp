// agent/sources/source_set.cpp - see source_set.hpp.
#include "agent/sources/source_set.hpp"

#include <vector>

#include "agent/sources/manifest_applier.hpp"
#include "agent/sources/source_directory.hpp"
#include "agent/sources/source_url.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

class Sources final : public SourceSet {
 public:
  Sources(SourceSetRooms rooms, const Config& config)
      : applier_(rooms.loop, rooms.store, rooms.clock,
                 [](const Finding& finding) { log(finding.level, "manifest: " + finding.problem.text()); }) {
    const auto take = [this](SourceSnapshot snapshot) { applier_.take(std::move(snapshot)); };
    for (const auto& source : config.sources) {
      if (source.url.empty()) {
        DirectorySourceOptions options;
        options.directory = source.directory;
        sources_.push_back(make_directory_source(rooms.loop, rooms.lane, std::move(options), take));
      } else {
        UrlSourceOptions options;
        options.url = source.url;
        options.interval = source.interval;
        options.ca_file = source.ca_file;
        options.token_file = source.token_file;
        sources_.push_back(make_url_source(rooms.loop, rooms.lane, std::move(options), take));
      }
    }
  }

 private:
  ManifestApplier applier_;
  std::vector<std::unique_ptr<Source>> sources_;  ///< Last, so that they end before what they report to.
};

}  // namespace

std::unique_ptr<SourceSet> make_source_set(SourceSetRooms rooms, const Config& config) {
  return std::make_unique<Sources>(rooms, config);
}

}  // namespace berth::agent
