// volumes/helper/iscsi.cpp - see iscsi.hpp.
//
// Whether a session is ours to end is written down before it is begun: host_dir()/iscsi/<hash of target, portal,
// interface>.json, with the node record that an administrator had made. Who begins or ends a session holds the lock
// beside it; who is about to use one has its stage's record written before it takes that lock. So whoever ends a
// session, under the lock, sees every other user, those of other agents on this machine too.
#include "volumes/helper/iscsi.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/sha256.hpp"
#include "volumes/helper/block_device.hpp"
#include "volumes/helper/file_lock.hpp"
#include "volumes/helper/iscsi_admin.hpp"
#include "volumes/helper/iscsi_session.hpp"
#include "volumes/helper/stage_record.hpp"
#include "volumes/helper/tool.hpp"
#include "volumes/helper/verbs.hpp"
#include "volumes/host_registry.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr seconds kLock{60};
constexpr seconds kLunAppears{30};
constexpr std::chrono::milliseconds kLookAgain{100};
constexpr seconds kMapGoes{5};
/// All LUNs of a target, each with a map.
constexpr seconds kLook{300};
constexpr std::string_view kOurIface = "berth-";
constexpr std::size_t kMostNote = 1024 * 1024;

/// A name of ours for an initiator name; at most 32 characters, what iscsiadm takes.
std::string iface_of(const model::IscsiSource& source) {
  if (source.initiator_name.empty()) return source.iface;
  const auto text = fmt::format("{}\n{}", source.iface, source.initiator_name);
  return fmt::format("{}{}", kOurIface, sha256_hex(text).substr(0, 16));
}

std::vector<IscsiNode> nodes_of(const model::IscsiSource& source, const std::vector<Portal>& portals) {
  std::vector<IscsiNode> nodes;
  nodes.reserve(portals.size());
  for (const auto& portal : portals) nodes.push_back({source.iqn, portal, iface_of(source)});
  return nodes;
}

struct SessionFiles {
  fs::path note;
  fs::path lock;
};
SessionFiles files_of(const IscsiNode& node) {
  const auto name = sha256_hex(fmt::format("{}\n{}\n{}", node.iqn, node.portal.text(), node.iface)).substr(0, 16);
  const auto directory = host_dir() / "iscsi";
  return {directory / fmt::format("{}.json", name), directory / fmt::format("{}.lock", name)};
}

Result<FileLock> lock_session(const IscsiNode& node, const SessionFiles& files) {
  if (auto host = want_host_dir(); !host) return host.error();
  say_doing(fmt::format("wait for another job on portal {}", node.portal.text()), kLock * 2);
  return FileLock::wait(files.lock, fmt::format("the session with {} at {}", node.iqn, node.portal.text()), kLock);
}

/// The node record that was there before ours, if any.
struct Original {
  std::optional<std::string> record;
};

/// As the note has it; none when there is no note.
Result<std::optional<Original>> original_record(const SessionFiles& files) {
  const auto text = read_file(files.note, kMostNote);
  if (!text && text.error().code() == ErrorCode::NotFound) return std::optional<Original>();
  if (!text) return text.error();
  const auto note = parse_json(*text);
  if (!note) return note.error().context(files.note.string());
  const auto* record = find(*note, {"record"});
  Original original;
  if (record != nullptr && record->is_string()) original.record = std::string(record->get_string());
  return std::optional(std::move(original));
}

/// The session with one portal, begun if need be.
Status want_session(const IscsiNode& node, const model::IscsiSource& source, const IscsiSettings& settings,
                    const std::string& chap_user) {
  const auto files = files_of(node);
  const auto lock = lock_session(node, files);
  if (!lock) return lock.error();
  if (const auto session = find_session(node.iqn, node.portal, node.iface)) {
    const auto disks = disks_of(*session);
    const auto has = [&](const auto& disk) { return disk.lun == source.lun; };
    if (std::none_of(disks.begin(), disks.end(), has)) scan_for_lun(*session, source.lun);
    return Ok{};
  }
  if (auto free = want_no_other_iface(node); !free) return free;
  // A note from before, of somebody who was killed, knows what was there; what is there now may be ours.
  const auto earlier = original_record(files);
  if (!earlier) return earlier.error();
  const auto before = *earlier ? **earlier : Original{node_record(node)};
  json::object note = {{"iqn", node.iqn}, {"portal", node.portal.text()}, {"iface", node.iface}};
  if (before.record) note["record"] = *before.record;
  if (auto noted = write_file(files.note, json::serialize(note), 0600); !noted) return noted;
  if (!source.initiator_name.empty()) {
    if (auto made = make_iface(node.iface, source.iface, source.initiator_name); !made) return made;
  }
  if (auto made = make_node(node, settings); !made) return made;
  auto done = log_in(node, chap_user);
  // The session has its settings. An administrator's record stays as it was, start at boot included.
  if (before.record) {
    if (auto restored = restore_node(node, *before.record); !restored && done) done = restored;
  }
  return done;
}

/// Disks of that LUN, one per session.
std::set<std::string> find_lun(const std::vector<IscsiNode>& nodes, int lun) {
  std::set<std::string> found;
  for (const auto& node : nodes) {
    const auto session = find_session(node.iqn, node.portal, node.iface);
    if (!session) continue;
    for (const auto& disk : disks_of(*session)) {
      std::error_code failure;
      if (disk.lun == lun && fs::exists(fs::path("/dev") / disk.name, failure)) found.insert(disk.name);
    }
  }
  return found;
}

Error no_lun(const std::vector<IscsiNode>& nodes, int lun) {
  std::set<int> luns;
  for (const auto& node : nodes) {
    const auto session = find_session(node.iqn, node.portal, node.iface);
    if (!session) continue;
    for (const auto& disk : disks_of(*session)) luns.insert(disk.lun);
  }
  return {ErrorCode::NotFound,
          fmt::format("{} has no LUN {} for this host; it shows [{}]", nodes.front().iqn, lun, fmt::join(luns, ", "))};
}

bool stage_uses(const fs::path& dir, const std::string& iqn) {
  const auto record = read_record(StageDir(dir));
  if (!record) return true;  // unreadable: it might
  if (!*record) return false;
  const auto* iscsi = std::get_if<model::IscsiSource>(&(*record)->source);
  return iscsi != nullptr && iscsi->iqn == iqn;
}

/// Do other staged volumes use this target, of whichever agent?
bool other_stage_uses(const std::string& iqn, const fs::path& run_dir, const std::string& key) {
  const auto run_dirs = all_run_dirs(run_dir);
  if (!run_dirs) return true;
  for (std::size_t agent = 0; agent < run_dirs->size(); ++agent) {
    const auto dirs = staged_dirs((*run_dirs)[agent]);
    if (!dirs) return true;
    const auto uses = [&](const fs::path& dir) {
      const auto own = agent == 0 && dir.filename() == key;  // the first run directory is our own
      return !own && stage_uses(dir, iqn);
    };
    if (std::any_of(dirs->begin(), dirs->end(), uses)) return true;
  }
  return false;
}

/// Mounted, held or opened exclusively? A multipath map that nobody uses is flushed: it would hold its paths for ever.
/// multipathd lets go of them a moment later.
bool disk_in_use(const std::string& disk) {
  const auto until = std::chrono::steady_clock::now() + kMapGoes;
  for (;;) {
    const auto map = multipath_holder(disk);
    if (map && in_use(*map).value_or(false)) return true;
    if (map) static_cast<void>(run_tool({"multipath", "-f", map->string()}, seconds(30)));
    // A disk that cannot even be opened has no user who could lose anything.
    if (!in_use(fs::path("/dev") / disk).value_or(false)) return false;
    if (!map || std::chrono::steady_clock::now() >= until) return true;
    std::this_thread::sleep_for(kLookAgain);
  }
}

/// Ends one of our sessions, unless somebody uses it: then it stays noted, and the next release looks again.
Status end_session(const IscsiNode& node, const fs::path& run_dir, const std::string& key) {
  const auto files = files_of(node);
  std::error_code failure;
  if (!fs::exists(files.note, failure)) return Ok{};  // not ours
  const auto lock = lock_session(node, files);
  if (!lock) return lock.error();
  if (other_stage_uses(node.iqn, run_dir, key)) return Ok{};
  if (const auto session = find_session(node.iqn, node.portal, node.iface)) {
    say_doing(fmt::format("look who uses {}", node.iqn), kLook);
    const auto disks = disks_of(*session);
    if (std::any_of(disks.begin(), disks.end(), [](const auto& disk) { return disk_in_use(disk.name); })) return Ok{};
  }
  const auto original = original_record(files);
  if (!original) return original.error();
  if (auto ended = log_out(node); !ended) return ended;
  auto record_done = *original && (*original)->record ? restore_node(node, *(*original)->record) : forget_node(node);
  if (!record_done) return record_done;
  if (node.iface.starts_with(kOurIface)) {
    if (auto removed = remove_iface(node.iface); !removed) return removed;
  }
  if (::unlink(files.note.c_str()) != 0 && errno != ENOENT) {
    return Error::from_errno(errno, "remove " + files.note.string());
  }
  return Ok{};
}

}  // namespace

Result<fs::path> attach_iscsi(const model::IscsiSource& source, const model::StringMap& secret,
                              const fs::path& run_dir) {
  if (auto noted = note_agent({run_dir, {}}); !noted) return noted.error();
  const auto portals = portals_of(source);
  if (!portals) return portals.error();
  const auto settings = node_settings(source, secret);
  if (!settings) return settings.error();
  if (auto running = want_iscsid(); !running) return running.error();
  const auto user = secret.find("node.session.auth.username");
  const auto chap_user = source.chap_session && user != secret.end() ? user->second : std::string();

  const auto nodes = nodes_of(source, *portals);
  std::optional<Error> first;
  std::size_t sessions = 0;
  for (const auto& node : nodes) {
    const auto begun = want_session(node, source, *settings, chap_user);
    if (begun) ++sessions;
    if (!begun && !first) first = begun.error();
  }
  if (sessions == 0) return *first;

  say_doing(fmt::format("wait for LUN {} of {}", source.lun, source.iqn), kLunAppears * 2);
  const auto until = std::chrono::steady_clock::now() + kLunAppears;
  auto disks = find_lun(nodes, source.lun);
  while (disks.empty() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kLookAgain);
    disks = find_lun(nodes, source.lun);
  }
  if (disks.empty()) return no_lun(nodes, source.lun);
  return through_multipath(*disks.begin(), nodes.size() > 1);
}

Status detach_iscsi(const model::IscsiSource& source, const fs::path& run_dir, const std::string& key) {
  const auto portals = portals_of(source);
  if (!portals) return portals.error();
  std::optional<Error> first;
  for (const auto& node : nodes_of(source, *portals)) {
    const auto ended = end_session(node, run_dir, key);
    if (!ended && !first) first = ended.error();
  }
  return first ? Status(*first) : Status(Ok{});
}

Status end_unused_sessions(const fs::path& run_dir) {
  std::optional<Error> first;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(host_dir() / "iscsi", failure)) {
    if (entry.path().extension() != ".json") continue;
    const auto text = read_file(entry.path(), kMostNote);
    const auto note = text ? parse_json(*text) : Result<json::value>(text.error());
    auto portal = note ? parse_portal(std::string(find_string(*note, {"portal"}))) : Result<Portal>(note.error());
    if (!portal) {
      if (!first) first = portal.error().context(entry.path().string());
      continue;
    }
    const IscsiNode node{std::string(find_string(*note, {"iqn"})), *std::move(portal),
                         std::string(find_string(*note, {"iface"}))};
    const auto ended = end_session(node, run_dir, {});
    if (!ended && !first) first = ended.error();
  }
  return first ? Status(*first) : Status(Ok{});
}

}  // namespace berth::volumes::helper
