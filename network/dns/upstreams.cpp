// network/dns/upstreams.cpp - inotify(7) on every step of the way to the file.
#include "network/dns/upstreams.hpp"

#include <sys/inotify.h>

#include <algorithm>
#include <cstring>

#include "base/atomic_file.hpp"
#include "network/resolv_conf.hpp"

namespace berth::network::dns {

namespace {

constexpr std::size_t kMostBytes = 1024 * 1024;
constexpr int kMostLinks = 16;
constexpr std::uint32_t kInDirectory =
    IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
// A file that is mounted over another changes without an event in the directory where we see it.
constexpr std::uint32_t kOnFile = IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF;

bool leads_to(const SocketAddress& upstream, const SocketAddress& own) {
  if (upstream == own) return true;
  return own.is_wildcard() && own.family() == upstream.family() && own.port() == upstream.port() &&
         address_of(upstream.get()).is_loopback();
}

}  // namespace

std::vector<SocketAddress> usable_upstreams(const std::vector<std::string>& servers, std::uint16_t default_port,
                                            const std::vector<SocketAddress>& own) {
  std::vector<SocketAddress> upstreams;
  for (const auto& text : servers) {
    const auto upstream = parse_socket_address(text, default_port);
    if (!upstream || std::ranges::find(upstreams, *upstream) != upstreams.end()) continue;
    if (std::ranges::none_of(own, [&](const auto& address) { return leads_to(*upstream, address); }))
      upstreams.push_back(*upstream);
  }
  return upstreams;
}

ResolvConfWatch::ResolvConfWatch(std::filesystem::path path)
    : path_(std::move(path)), inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

bool ResolvConfWatch::changed() {
  auto matters = false;
  alignas(inotify_event) std::array<char, 4096> buffer{};
  for (;;) {
    const auto got = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (got <= 0) return matters;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const auto name = event.len == 0 ? std::string() : std::string(buffer.data() + at + sizeof event);
      at += sizeof event + event.len;
      const auto watched = names_.find(event.wd);
      const auto about_itself = name.empty() || (event.mask & IN_Q_OVERFLOW) != 0;
      matters = matters || about_itself || (watched != names_.end() && watched->second.contains(name));
    }
  }
}

std::vector<std::string> ResolvConfWatch::read() {
  if (inotify_) watch();
  const auto text = read_file(path_, kMostBytes);
  return text ? read_resolv_conf(*text).nameservers : std::vector<std::string>();
}

void ResolvConfWatch::watch() {
  std::map<int, std::set<std::string>> names;
  auto step = path_;
  for (int links = 0; links < kMostLinks; ++links) {
    auto entry = step.filename();
    auto directory = step.parent_path();
    int watch = -1;
    while ((watch = inotify_add_watch(inotify_.get(), directory.c_str(), kInDirectory)) < 0 &&
           directory.has_relative_path()) {
      entry = directory.filename();
      directory = directory.parent_path();
    }
    if (watch >= 0) names[watch].insert(entry.native());
    std::error_code failure;
    const auto target = std::filesystem::read_symlink(step, failure);
    if (failure) break;
    step = (step.parent_path() / target).lexically_normal();
  }
  if (const auto file = inotify_add_watch(inotify_.get(), path_.c_str(), kOnFile); file >= 0) names[file];
  for (const auto& [watch, unused] : names_) {
    if (!names.contains(watch)) inotify_rm_watch(inotify_.get(), watch);
  }
  names_ = std::move(names);
}

}  // namespace berth::network::dns
