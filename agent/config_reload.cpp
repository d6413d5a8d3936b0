// agent/config_reload.cpp - see config_reload.hpp.
#include "agent/config_reload.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "agent/config_change.hpp"
#include "base/log.hpp"
#include "systemd/notify.hpp"

namespace berth::agent {

void ConfigReload::ask() {
  if (reading_) {
    again_ = true;
    return;
  }
  reading_ = true;
  systemd::notify_reloading();
  rooms_.lane.run([this, read = read_] {
    auto wanted = std::make_shared<const Result<Config>>(read());
    rooms_.loop.post([this, wanted] {
      take(*wanted);
      systemd::notify_reloaded();
      reading_ = false;
      if (std::exchange(again_, false)) ask();
    });
  });
}

void ConfigReload::take(Result<Config> wanted) {
  if (!wanted) {
    log(LogLevel::Error, "the configuration stays as it was", {{"error", wanted.error().message()}});
    return;
  }
  if (wanted->pod_cidr.empty()) wanted->pod_cidr = rooms_.running.pod_cidr;  // It was taken at our start.
  const auto change = compare(rooms_.running, *wanted);
  const auto changed = [&](std::string_view key) {
    return std::find(change.live.begin(), change.live.end(), key) != change.live.end();
  };
  take_live(rooms_.running, *wanted);
  set_log_level(rooms_.running.log_level);
  if (changed("nodeLabels") || changed("nodeTaints")) callbacks_.on_node();
  if (changed("sources")) callbacks_.on_sources();
  log(LogLevel::Info, "the configuration was read again",
      {{"changed", change.live.empty() ? "nothing" : fmt::format("{}", fmt::join(change.live, ", "))}});
  if (!change.restart.empty()) {
    log(LogLevel::Warning, "not in effect before systemctl restart berthd",
        {{"keys", fmt::format("{}", fmt::join(change.restart, ", "))}});
  }
}

}  // namespace berth::agent
