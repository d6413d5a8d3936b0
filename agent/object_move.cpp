// agent/object_move.cpp - see object_move.hpp.
#include "agent/object_move.hpp"

#include <fmt/format.h>

#include "agent/agent.hpp"
#include "agent/agent_store.hpp"
#include "base/atomic_file.hpp"
#include "store/object_move.hpp"

namespace berth::agent {
namespace {

constexpr int kFailed = 1;
constexpr int kCollided = 3;

int fail(const std::string& text) {
  fmt::print(stderr, "error: {}\n", text);
  return kFailed;
}

}  // namespace

Result<Config> load_config_with(const std::filesystem::path& file, const std::filesystem::path& over) {
  std::vector<ConfigText> texts;
  auto now = load_config(file);
  if (!now) return now;
  auto files = now->files;
  files.push_back(over);
  for (const auto& each : files) {
    auto text = read_file(each);
    if (!text) return text.error().context("read configuration");
    texts.push_back({each.native(), *std::move(text)});
  }
  return parse_config(texts);
}

int move_objects(const Config& config, const std::string& where) {
  if (where != "to-etcd" && where != "to-sqlite") return fail("--move-objects: must be to-etcd or to-sqlite");
  if (!config.etcd) return fail("--move-objects: the configuration names no etcd (store.etcd)");
  const auto file = store_file(config);
  if (auto made = make_directories(config.state_dir, 0755); !made) return fail(made.error().message());
  const auto access = etcd_access(config);
  if (!access) return fail(access.error().message());
  const auto& prefix = config.etcd->prefix;
  const auto moved = where == "to-etcd"
                         ? store::move_into_etcd(file, *access, prefix)
                         : store::move_into_sqlite(file, *access, prefix, config.node_name, BERTH_VERSION);
  if (!moved) return fail(fmt::format("move the objects {}: {}", where, moved.error().message()));
  for (const auto& each : moved->plan.collisions) fmt::print(stderr, "{}\n", each);
  if (!moved->plan.collisions.empty()) return kCollided;
  for (const auto& each : moved->unread) {
    fmt::print(stderr, "warning: {} cannot be read by this version and stays where it was: {}\n", each.what,
               each.reason);
  }
  fmt::print("{} objects moved{}\n", moved->plan.write.size(),
             moved->plan.there == 0 ? "" : fmt::format(", {} were there already", moved->plan.there));
  if (!moved->old.empty()) fmt::print("what was in SQLite is kept as {}\n", moved->old.native());
  return 0;
}

}  // namespace berth::agent
