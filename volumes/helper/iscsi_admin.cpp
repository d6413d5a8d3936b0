// volumes/helper/iscsi_admin.cpp - see iscsi_admin.hpp. Exit codes: iscsiadm(8), EXIT STATUS.
#include "volumes/helper/iscsi_admin.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <system_error>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "volumes/helper/tool.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr seconds kRecord{30};
/// login_timeout is 15 s, and we ask for one try.
constexpr seconds kLogin{60};
constexpr seconds kLogout{60};
constexpr seconds kStarts{20};

constexpr std::size_t kMostRecord = 1024 * 1024;

constexpr int kSessionNotFound = 2;
constexpr int kTransport = 4;
constexpr int kTransportTimeout = 8;
constexpr int kLoginTimeout = 11;
constexpr int kSessionExists = 15;
constexpr int kNoDaemon = 18;
constexpr int kFatalLogin = 19;
constexpr int kNotConnected = 20;
constexpr int kNothingFound = 21;
constexpr int kAuthFailed = 24;

/// Where Linux distributions keep the records.
constexpr std::array<std::string_view, 3> kDatabases{"/etc/iscsi/nodes", "/var/lib/iscsi/nodes",
                                                     "/var/lib/open-iscsi/nodes"};

std::vector<std::string> node_command(const IscsiNode& node, std::vector<std::string> rest) {
  std::vector<std::string> argv{"iscsiadm", "-m", "node", "-T", node.iqn, "-p", node.portal.text(), "-I", node.iface};
  argv.insert(argv.end(), rest.begin(), rest.end());
  return argv;
}

Error admin_error(std::string_view doing, const ChildResult& ran) {
  return {ErrorCode::Unavailable,
          fmt::format("iscsiadm: {}: exit code {}: {}", doing, ran.exit_code, one_line(ran.output))};
}

Status run_admin(const std::vector<std::string>& argv, std::string_view doing) {
  const auto ran = run_tool(argv, kRecord);
  if (!ran) return ran.error();
  return ran->exit_code == 0 ? Status(Ok{}) : Status(admin_error(doing, *ran));
}

/// NODES/<iqn>/<host>,<port>[,<group>][/<iface>]: a file, or a directory with one per interface.
std::optional<fs::path> record_file(const IscsiNode& node) {
  const auto begin = fmt::format("{},{}", node.portal.host, node.portal.port);
  for (const auto& database : kDatabases) {
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(fs::path(database) / node.iqn, failure)) {
      const auto name = entry.path().filename().string();
      if (name != begin && !name.starts_with(begin + ",")) continue;
      if (entry.is_regular_file(failure)) return entry.path();
      if (auto inside = entry.path() / node.iface; fs::is_regular_file(inside, failure)) return inside;
    }
  }
  return std::nullopt;
}

/// The same, made if there is none.
Result<fs::path> want_record(const IscsiNode& node) {
  if (!record_file(node)) {
    auto made = run_admin(node_command(node, {"-o", "new"}), "make a node record");
    if (!made) return made.error();
  }
  if (auto file = record_file(node)) return *std::move(file);
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("iscsiadm keeps the record of {} in none of {}", node.iqn, fmt::join(kDatabases, ", ")));
}

bool is_gone(int exit_code) { return exit_code == 0 || exit_code == kSessionNotFound || exit_code == kNothingFound; }

bool iscsid_answers() {
  constexpr std::string_view kName = "ISCSIADM_ABSTRACT_NAMESPACE";
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::copy(kName.begin(), kName.end(), address.sun_path + 1);
  const auto size = offsetof(sockaddr_un, sun_path) + 1 + kName.size();
  return fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)) == 0;
}

/// Can it be a word of a command line and a file name?
bool is_word(std::string_view text) {
  return !text.empty() && text.front() != '-' && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == '_' || c == ':';
         });
}

}  // namespace

Result<IscsiSettings> node_settings(const model::IscsiSource& source, const model::StringMap& secret) {
  for (const auto& [what, text] : {std::pair("iqn", &source.iqn), std::pair("iscsiInterface", &source.iface)}) {
    if (!is_word(*text)) return Error(ErrorCode::InvalidArgument, fmt::format("iscsi: {} \"{}\"", what, *text));
  }
  if (!source.initiator_name.empty() && !is_word(source.initiator_name)) {
    return Error(ErrorCode::InvalidArgument, fmt::format("iscsi: initiatorName \"{}\"", source.initiator_name));
  }
  IscsiSettings settings{{"node.startup", "manual"}, {"node.session.initial_login_retry_max", "1"}};
  if (!source.chap_session) return settings;
  settings.emplace_back("node.session.auth.authmethod", "CHAP");
  for (const auto* const key : {"node.session.auth.username", "node.session.auth.password",
                                "node.session.auth.username_in", "node.session.auth.password_in"}) {
    const auto value = secret.find(key);
    if (value == secret.end()) continue;
    const auto& text = value->second;
    if (text.empty() || text.find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos) {
      return Error(ErrorCode::InvalidArgument, fmt::format("iscsi: {} of the secret is empty or has line breaks", key));
    }
    settings.emplace_back(key, text);
  }
  return settings;
}

std::string with_settings(std::string_view record, const IscsiSettings& settings) {
  constexpr std::string_view kEnd = "# END RECORD";
  std::string text;
  const auto add_all = [&] {
    for (const auto& [key, value] : settings) text += fmt::format("{} = {}\n", key, value);
  };
  auto added = false;
  while (!record.empty()) {
    const auto line = record.substr(0, record.find('\n'));
    record.remove_prefix(std::min(record.size(), line.size() + 1));
    const auto key = line.substr(0, line.find(' '));
    if (std::any_of(settings.begin(), settings.end(), [key](const auto& each) { return each.first == key; })) continue;
    if (line.starts_with(kEnd) && !added) {
      add_all();
      added = true;
    }
    text += line;
    text += '\n';
  }
  if (!added) add_all();
  return text;
}

Status check_iface(const IscsiNode& node, std::string_view record) {
  constexpr std::string_view kIface = "\niface.iscsi_ifacename = ";
  const auto begin = record.find(kIface);
  if (begin == std::string_view::npos) return Ok{};
  auto iface = record.substr(begin + kIface.size());
  iface = iface.substr(0, iface.find('\n'));
  if (iface == node.iface) return Ok{};
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("log in to {} at {}: this host is there by interface \"{}\" already, and open-iscsi keeps "
                           "one for each portal: all its volumes must have the same iscsiInterface and initiatorName",
                           node.iqn, node.portal.text(), iface));
}

Error login_error(const IscsiNode& node, const std::string& chap_user, int exit_code, std::string_view output) {
  const auto doing = fmt::format("log in to {} at {}", node.iqn, node.portal.text());
  if (exit_code == kAuthFailed || output.find("authorization failure") != std::string_view::npos) {
    const auto as = chap_user.empty() ? std::string("without CHAP") : fmt::format("as CHAP user \"{}\"", chap_user);
    return {ErrorCode::Unauthenticated, fmt::format("{}: refused {}", doing, as)};
  }
  if (exit_code == kNoDaemon || exit_code == kNotConnected) {
    return {ErrorCode::FailedPrecondition, fmt::format("{}: iscsid does not answer", doing)};
  }
  if (exit_code == kFatalLogin) {
    return {ErrorCode::NotFound, fmt::format("{}: no such target there, or not for this initiator", doing)};
  }
  if (exit_code == kTransport || exit_code == kTransportTimeout || exit_code == kLoginTimeout) {
    return {ErrorCode::Unavailable, fmt::format("{}: no answer", doing)};
  }
  return {ErrorCode::Unavailable, fmt::format("{}: exit code {}: {}", doing, exit_code, one_line(output))};
}

Status want_iscsid() {
  say_doing("look for iscsid", kStarts * 2);
  // Asked first: without the package there is nothing to start either.
  if (const auto version = run_tool({"iscsiadm", "--version"}, kRecord); !version) return version.error();
  if (iscsid_answers()) return Ok{};
  std::error_code failure;
  if (!fs::exists("/run/systemd/system", failure)) {
    return Error(ErrorCode::FailedPrecondition, "iscsid does not run: start it");
  }
  const auto started = run_tool({"systemctl", "start", "iscsid.service"}, kStarts);
  if (!started) return started.error();
  const auto until = std::chrono::steady_clock::now() + kStarts;
  while (std::chrono::steady_clock::now() < until) {
    if (iscsid_answers()) return Ok{};
    if (started->exit_code != 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("iscsid does not run, and systemctl start iscsid: {}", one_line(started->output)));
}

Status make_node(const IscsiNode& node, const IscsiSettings& settings) {
  const auto file = want_record(node);
  if (!file) return file.error();
  const auto record = read_file(*file, kMostRecord);
  if (!record) return record.error();
  return write_file(*file, with_settings(*record, settings), 0600, Durability::Durable);
}

Status log_in(const IscsiNode& node, const std::string& chap_user) {
  say_doing(fmt::format("log in to portal {}", node.portal.text()), kLogin);
  const auto ran = run_tool(node_command(node, {"--login"}), kLogin);
  if (!ran) return ran.error();
  if (ran->exit_code == 0 || ran->exit_code == kSessionExists) return Ok{};
  return login_error(node, chap_user, ran->exit_code, ran->output);
}

Status log_out(const IscsiNode& node) {
  say_doing(fmt::format("log out of portal {}", node.portal.text()), kLogout);
  const auto ran = run_tool(node_command(node, {"--logout"}), kLogout);
  if (!ran) return ran.error();
  return is_gone(ran->exit_code) ? Status(Ok{}) : Status(admin_error(fmt::format("log out of {}", node.iqn), *ran));
}

Status want_no_other_iface(const IscsiNode& node) {
  const auto record = node_record(node);
  return record ? check_iface(node, *record) : Ok{};
}

std::optional<std::string> node_record(const IscsiNode& node) {
  const auto file = record_file(node);
  auto text = file ? read_file(*file, kMostRecord) : Result<std::string>(std::string());
  return file && text ? std::optional(*std::move(text)) : std::nullopt;
}

Status restore_node(const IscsiNode& node, const std::string& record) {
  if (const auto now = node_record(node); now == record) return Ok{};
  const auto file = want_record(node);
  if (!file) return file.error();
  return write_file(*file, record, 0600, Durability::Durable);
}

Status forget_node(const IscsiNode& node) {
  const auto forgotten = run_tool(node_command(node, {"-o", "delete"}), kRecord);
  if (!forgotten) return forgotten.error();
  return is_gone(forgotten->exit_code) ? Status(Ok{}) : Status(admin_error("forget a node record", *forgotten));
}

Status make_iface(const std::string& name, const std::string& like, const std::string& initiator_name) {
  const std::vector<std::string> base{"iscsiadm", "-m", "iface", "-I"};
  const auto command = [&base](const std::string& which, std::vector<std::string> rest) {
    auto argv = base;
    argv.push_back(which);
    argv.insert(argv.end(), rest.begin(), rest.end());
    return argv;
  };
  const auto shown = run_tool(command(like, {"-o", "show"}), kRecord);
  if (!shown) return shown.error();
  if (shown->exit_code != 0) return admin_error(fmt::format("look at interface {}", like), *shown);
  if (auto made = run_admin(command(name, {"-o", "new"}), "make an interface"); !made) return made;
  IscsiSettings settings;
  std::string_view rest = shown->output;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto equals = line.find(" = ");
    if (!line.starts_with("iface.") || equals == std::string_view::npos) continue;
    const auto value = line.substr(equals + 3);
    const auto key = line.substr(0, equals);
    if (value == "<empty>" || value == "0" || key == "iface.iscsi_ifacename" || key == "iface.initiatorname") continue;
    settings.emplace_back(key, value);
  }
  settings.emplace_back("iface.initiatorname", initiator_name);
  for (const auto& [key, value] : settings) {
    auto set = run_admin(command(name, {"-o", "update", "-n", key, "-v", value}), "set up an interface");
    if (!set) return set;
  }
  return Ok{};
}

Status remove_iface(const std::string& name) {
  const auto ran = run_tool({"iscsiadm", "-m", "iface", "-I", name, "-o", "delete"}, kRecord);
  if (!ran) return ran.error();
  return Ok{};  // gone, or still used by another node's record
}

}  // namespace berth::volumes::helper
