// cli/bundle_collector.cpp - see bundle_collector.hpp.
#include "cli/bundle_collector.hpp"

#include <sys/utsname.h>

#include <chrono>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"
#include "base/drop_ins.hpp"
#include "cli/agent_paths.hpp"
#include "cli/bundle_listing.hpp"
#include "cli/bundle_redact.hpp"
#include "cli/captured.hpp"
#include "cli/server.hpp"
#include "model/base64.hpp"
#include "model/host_status.hpp"
#include "model/model.hpp"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;

/// Every value in the YAML under a key of that name.
void find_texts(const json::value& value, std::string_view key, std::vector<std::string>& into) {
  if (value.is_array()) {
    for (const auto& each : value.get_array()) find_texts(each, key, into);
  }
  if (!value.is_object()) return;
  for (const auto& [name, member] : value.get_object()) {
    if (std::string_view(name) == key && member.is_string()) into.emplace_back(view(member.get_string()));
    find_texts(member, key, into);
  }
}

template <typename Visit>
void for_each_line(const std::string& text, const Visit& visit) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) visit(line);
}

class Collector {
 public:
  Collector(Global global, const fs::path& config, const AgentPaths& paths, BundleWriter& out)
      : config_(config), paths_(paths), global_(std::move(global)), server_(global_), out_(out) {}

  Status collect() {
    learn_secrets();
    versions();
    ourselves("status.txt", {"status"});
    ourselves("doctor.txt", {"doctor", "--config", config_.string()});
    configuration();
    agent();
    objects();
    system();
    files();
    return out_.finish();
  }

 private:
  void ourselves(const std::string& name, std::vector<std::string> words) {
    words.insert(words.begin(), {"/proc/self/exe", "--socket", global_.socket.string()});
    std::error_code error;
    if (const auto self = fs::read_symlink("/proc/self/exe", error); !error) words[0] = self.string();
    out_.add_program(name, words);
  }

  void page(const std::string& name, const std::string& target) {
    Request request;
    request.target = target;
    request.accept = "*/*";
    request.deadline = std::chrono::steady_clock::now() + kPatience;
    const auto reply = server_.http().send(request);
    if (!reply) return out_.note(name, reply.error().message());
    if (reply->code != 200) out_.note(name, fmt::format("{}: HTTP {}", target, reply->code));
    out_.add(name, reply->body);
  }

  /// What must not be found in any text: values of Secrets, tokens, what environments call secret.
  void learn_secrets() {
    if (const auto all = server_.list(model::info(model::Kind::Secret), "", {})) {
      for (const auto& secret : items_of(*all)) {
        const auto* data = find(secret, {"data"});
        if (data == nullptr || !data->is_object()) continue;
        for (const auto& [name, value] : data->get_object()) {
          if (!value.is_string()) continue;
          const auto text = view(value.get_string());
          out_.add_secret(model::decode_base64(text).value_or(std::string(text)));
        }
      }
    } else {
      out_.note("objects", all.error().message());
      agent_answers_ = false;
    }
    for (const auto kind :
         {model::Kind::Pod, model::Kind::StatefulSet, model::Kind::DaemonSet, model::Kind::Deployment,
          model::Kind::ReplicaSet, model::Kind::ReplicationController, model::Kind::Job, model::Kind::CronJob}) {
      if (!agent_answers_) break;
      if (const auto all = server_.list(model::info(kind), "", {})) {
        for (const auto& value : secret_environment(*all)) out_.add_secret(value);
      }
    }
    for (const auto& record : records()) {
      for (const auto& value : secret_environment(record)) out_.add_secret(value);
    }
    for (const auto& path : configuration_files()) {
      const auto text = read_file(path);
      const auto document = text ? model::parse_yaml(*text) : Result<json::value>(json::value());
      std::vector<std::string> names;
      if (document) find_texts(*document, "tokenFile", names);
      for (const auto& name : names) learn_tokens(name);
    }
  }

  void learn_tokens(const fs::path& path) {
    const auto text = read_file(path);
    if (!text) return;
    for_each_line(*text, [&](const std::string& line) { out_.add_secret(line.substr(0, line.find(','))); });
  }

  std::vector<fs::path> configuration_files() const {
    std::vector<fs::path> out{config_};
    // What is wrong with the directory was noted when the paths were read.
    const auto over = drop_ins(config_);
    if (over) out.insert(out.end(), over->begin(), over->end());
    return out;
  }

  std::vector<json::value> records() const {
    std::vector<json::value> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(paths_.run_dir / "objects", error)) {
      const auto text = read_file(entry.path());
      auto parsed = text ? parse_json(*text) : Result<json::value>(json::value());
      if (parsed && parsed->is_object()) out.push_back(*std::move(parsed));
    }
    return out;
  }

  void versions() {
    utsname kernel{};
    ::uname(&kernel);
    out_.add("versions.txt",
             fmt::format("berth {}\nkernel {} {} {}\nhost {}\nat {}\n", BERTH_VERSION, kernel.release, kernel.version,
                         kernel.machine, kernel.nodename, format_rfc3339(std::chrono::system_clock::now())));
    out_.add_file("os-release.txt", "/etc/os-release");
    out_.add_program("packages.txt",
                     {"dpkg-query", "-W", "berth", "containerd", "containerd.io", "runc", "systemd", "nftables"});
    out_.add_program("runc.txt", {"runc", "--version"});
  }

  void configuration() {
    for (const auto& path : configuration_files()) {
      const auto text = read_file(path);
      if (!text) {
        out_.note("config", text.error().message());
        continue;
      }
      out_.add_configuration("config/" + path.filename().string(), *text);
    }
    const auto unit = capture({"systemctl", "cat", "berthd.service", "berth-logd.service"}, kMostOfOne, kPatience);
    if (!unit) return out_.note("config/units.txt", unit.error().message());
    std::string text;  // Values of environments are nobody's business.
    for_each_line(unit->text, [&](const std::string& line) {
      text += (line.starts_with("Environment=") ? "Environment=<left out>" : line) + '\n';
    });
    out_.add_configuration("config/units.txt", std::move(text));
  }

  void agent() {
    if (!agent_answers_) return out_.note("agent", "it does not answer: what follows is from disk");
    page("status.json", std::string(model::kHostStatusPath));
    page("readyz.txt", "/readyz?verbose");
    page("metrics.txt", "/metrics");
    page("metrics-resource.txt", "/metrics/resource");
  }

  void objects() {
    for (const auto& kind : model::all_kinds()) {
      if (!agent_answers_) break;
      const auto list = server_.list(kind, "", {});
      if (!list) {
        out_.note(fmt::format("objects/{}", kind.plural), list.error().message());
        continue;
      }
      std::string lines;
      for (const auto& item : items_of(*list)) {
        if (!item.is_object()) continue;
        auto object = item.get_object();
        object["kind"] = kind.name;  // Items of a list need not say it, and what is left out depends on it.
        lines += json::serialize(without_secrets(object)) + '\n';
      }
      if (!lines.empty()) out_.add(fmt::format("objects/{}.jsonl", kind.plural), std::move(lines));
    }
    std::string lines;
    for (const auto& record : records()) lines += json::serialize(without_secrets(record.get_object())) + '\n';
    if (!lines.empty()) out_.add("disk/records.jsonl", std::move(lines));
  }

  void system() {
    out_.add_program("systemd.txt",
                     {"systemctl", "status", "--no-pager", "--lines=0", "berthd", "berth-logd", "containerd"});
    // Not what containers say: that is theirs. berth-logd stores it under their own identifiers.
    out_.add_program("journal-berthd.txt",
                     {"journalctl", "--no-pager", "-o", "short-iso", "-n", "3000", "-u", "berthd"});
    out_.add_program("journal-berth-logd.txt", {"journalctl", "--no-pager", "-o", "short-iso", "-n", "500", "-u",
                                                "berth-logd", "-t", "berth-logd"});
    out_.add_program("journal-containerd.txt",
                     {"journalctl", "--no-pager", "-o", "short-iso", "-n", "1000", "-u", "containerd"});
    out_.add_program("journal-kernel.txt", {"journalctl", "--no-pager", "-o", "short-iso", "-n", "300", "-k"});
    containerd();
    out_.add_file("mounts.txt", "/proc/self/mountinfo");
    out_.add_file("meminfo.txt", "/proc/meminfo");
    out_.add_file("loadavg.txt", "/proc/loadavg");
    out_.add_file("pressure-memory.txt", "/proc/pressure/memory");
    out_.add_file("resolv.conf.txt", "/etc/resolv.conf");
    out_.add_program("disks.txt", {"df", "-h", paths_.state_dir.string(), paths_.run_dir.string(),
                                   "/var/lib/containerd", "/var/log"});
    out_.add_program("inodes.txt", {"df", "-i", paths_.state_dir.string(), paths_.run_dir.string(),
                                    "/var/lib/containerd", "/var/log"});
    out_.add_program("network/addresses.txt", {"ip", "-d", "address"});
    out_.add_program("network/routes.txt", {"ip", "route", "show", "table", "all"});
    out_.add_program("network/sockets.txt", {"ss", "-Hlntu"});
    firewall();
    out_.add("cgroups.txt", cgroups());
  }

  void containerd() {
    for (const auto& [name, words] : {std::pair<std::string, std::vector<std::string>>{"version", {"version"}},
                                      {"containers", {"containers", "ls"}},
                                      {"tasks", {"tasks", "ls"}},
                                      {"images", {"images", "ls"}},
                                      {"snapshots", {"snapshots", "ls"}},
                                      {"leases", {"leases", "ls"}}}) {
      std::vector<std::string> line{"ctr", "--address", paths_.containerd.string(), "--namespace", "k8s.io"};
      line.insert(line.end(), words.begin(), words.end());
      // One that does not answer takes ctr ten seconds each time.
      if (!out_.add_program(fmt::format("containerd/{}.txt", name), line)) return;
    }
  }

  /// Our own tables whole; of the others only which chains there are, and what they do by default.
  void firewall() {
    out_.add_program("network/nft-chains.txt", {"nft", "list", "chains"});
    const auto tables = capture({"nft", "list", "tables"}, kMostOfOne, kPatience);
    if (!tables) return out_.note("network/nft", tables.error().message());
    out_.add("network/nft-tables.txt", tables->text);
    for_each_line(tables->text, [&](const std::string& line) {  // "table inet berth-berth0"
      const auto first = line.find(' ');
      const auto second = line.find(' ', first + 1);
      if (second == std::string::npos || !line.substr(second + 1).starts_with("berth-")) return;
      const auto family = line.substr(first + 1, second - first - 1);
      const auto name = line.substr(second + 1);
      out_.add_program(fmt::format("network/nft-{}-{}.txt", family, name), {"nft", "list", "table", family, name});
    });
  }

  void files() {
    out_.add("disk/state-dir.txt", listing(paths_.state_dir));
    out_.add("disk/run-dir.txt", listing(paths_.run_dir));
    out_.add_file("disk/store.json", paths_.run_dir / "store.json");
  }

  const fs::path& config_;
  const AgentPaths& paths_;
  const Global global_;
  Server server_;
  BundleWriter& out_;
  bool agent_answers_ = true;
};

}  // namespace

Status collect_bundle(Global global, const fs::path& config, BundleWriter& out) {
  const auto read = read_agent_paths(config);
  if (!read && read.error().code() != ErrorCode::NotFound) out.note("configuration", read.error().message());
  const auto paths = read.value_or(AgentPaths{});
  if (global.socket == Global{}.socket) global.socket = paths.socket;
  if (!global.request_timeout) global.request_timeout = kPatience;
  return Collector(std::move(global), config, paths, out).collect();
}

}  // namespace berth::cli
