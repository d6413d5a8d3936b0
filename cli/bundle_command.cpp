// cli/bundle_command.cpp - berth support-bundle: what somebody who helps wants to see, without anybody's secrets.
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"
#include "base/drop_ins.hpp"
#include "cli/agent_paths.hpp"
#include "cli/bundle_archive.hpp"
#include "cli/bundle_redact.hpp"
#include "cli/captured.hpp"
#include "cli/keeping_commands.hpp"
#include "cli/messages.hpp"
#include "cli/private_file.hpp"
#include "cli/server.hpp"
#include "cli/standard_streams.hpp"
#include "model/base64.hpp"
#include "model/host_status.hpp"
#include "model/model.hpp"

namespace berth::cli {

namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr std::size_t kMostOfOne = 4 * 1024 * 1024;  ///< Of each file: the whole stays below a hundred MiB.
constexpr std::size_t kMostEntries = 20'000;         ///< Of a listing of files.
constexpr seconds kPatience{20};                     ///< For one program, one question.

struct BundleOptions {
  fs::path config = "/etc/berth/berthd.yaml";
};

std::string cut(std::string text) {
  if (text.size() <= kMostOfOne) return text;
  const auto size = text.size();
  text.resize(kMostOfOne);
  return text + fmt::format("\n... {} of {} bytes\n", kMostOfOne, size);
}

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

/// Directories, files and their sizes below `root`; of the claims' data and of pods' own files only that they are
/// there.
std::string listing(const fs::path& root) {
  std::string out;
  std::size_t count = 0;
  std::function<void(const fs::path&, int)> walk = [&](const fs::path& folder, int depth) {
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    for (auto at = fs::directory_iterator(folder, error); !error && at != fs::directory_iterator();
         at.increment(error)) {
      entries.push_back(*at);
    }
    std::sort(entries.begin(), entries.end());
    if (error) out += fmt::format("{}: {}\n", folder.string(), error.message());
    for (const auto& entry : entries) {
      if (++count > kMostEntries) return;
      // Never a step into what may hang: a share or a device that is mounted there is not even looked at.
      struct stat found {};
      const bool data = folder.filename() == "mounts" || folder.filename() == "mount" || folder.filename() == "share";
      if (data) {
        out += fmt::format("{:>12} {}\n", "?", entry.path().string());
        continue;
      }
      if (::lstat(entry.path().c_str(), &found) != 0) continue;
      out += fmt::format("{:04o} {:>12} {}{}\n", found.st_mode & 07777U, found.st_size, entry.path().string(),
                         S_ISDIR(found.st_mode) ? "/" : "");
      const auto parent = folder.parent_path();
      const bool claim = parent.filename() == "volumes";  // volumes/<namespace>/<claim>
      const bool emptied = folder.filename() == "emptydir" || folder.filename() == "volumes";
      const bool goes_on = S_ISDIR(found.st_mode) && depth < 6 && !claim && !(emptied && depth > 1);
      if (goes_on) walk(entry.path(), depth + 1);
    }
  };
  walk(root, 0);
  if (count > kMostEntries) out += fmt::format("... more than {} entries\n", kMostEntries);
  return out;
}

/// The cgroups of pods: their tree, with what the kernel counts in each.
std::string cgroups() {
  std::string out;
  std::size_t count = 0;
  const std::function<void(const fs::path&, bool, int)> walk = [&](const fs::path& folder, bool ours, int depth) {
    std::error_code error;
    for (auto at = fs::directory_iterator(folder, error); !error && at != fs::directory_iterator();
         at.increment(error)) {
      if (!at->is_directory(error) || at->is_symlink(error)) continue;
      const auto name = at->path().filename().string();
      const bool inside = ours || name.starts_with("berth");
      if (inside && ++count <= kMostEntries) {
        out += at->path().string();
        for (const auto* fact : {"pids.current", "memory.current", "memory.usage_in_bytes", "cgroup.controllers"}) {
          if (const auto text = read_file(at->path() / fact, 4096)) {
            out += fmt::format(" {}={}", fact, text->substr(0, text->find('\n')));
          }
        }
        out += '\n';
      }
      if (depth < 6 && (inside || depth < 3)) walk(at->path(), inside, depth + 1);
    }
  };
  walk("/sys/fs/cgroup", false, 0);
  return out;
}

class Bundle {
 public:
  Bundle(Global global, const BundleOptions& options, BundleArchive& archive)
      : options_(options), archive_(archive), global_(std::move(global)) {
    auto paths = read_agent_paths(options.config);
    if (!paths && paths.error().code() != ErrorCode::NotFound) note("configuration", paths.error().message());
    paths_ = paths.value_or(AgentPaths{});
    if (global_.socket == Global{}.socket) global_.socket = paths_.socket;
    if (!global_.request_timeout) global_.request_timeout = kPatience;
    server_ = std::make_unique<Server>(global_);
  }

  Status make() {
    learn_secrets();
    versions();
    ourselves("status.txt", {"status"});
    ourselves("doctor.txt", {"doctor", "--config", options_.config.string()});
    configuration();
    agent();
    objects();
    system();
    files();
    return finish();
  }

 private:
  /// Everything goes through here.
  void add(const std::string& name, std::string content) {
    if (written_) written_ = archive_.add(name, redactor_.text(cut(std::move(content))));
  }
  void note(const std::string& name, const std::string& why) { notes_ += fmt::format("{}: {}\n", name, why); }

  /// Did it end well?
  bool program(const std::string& name, const std::vector<std::string>& argv) {
    std::string line;
    for (const auto& word : argv) line += (line.empty() ? "" : " ") + word;
    auto said = capture(argv, kMostOfOne, kPatience);
    if (!said) {
      note(name, said.error().message());
      return false;
    }
    if (said->code != 0) note(name, fmt::format("{}: ended with {}", line, said->code));
    add(name, fmt::format("$ {}\n{}", line, said->text));
    return said->code == 0;
  }

  void ourselves(const std::string& name, std::vector<std::string> words) {
    words.insert(words.begin(), {"/proc/self/exe", "--socket", global_.socket.string()});
    std::error_code error;
    if (const auto self = fs::read_symlink("/proc/self/exe", error); !error) words[0] = self.string();
    program(name, words);
  }

  void file(const std::string& name, const fs::path& path) {
    const auto text = read_file(path, kMostOfOne);
    text ? add(name, *text) : note(name, text.error().message());
  }

  void page(const std::string& name, const std::string& target) {
    Request request;
    request.target = target;
    request.accept = "*/*";
    request.deadline = std::chrono::steady_clock::now() + kPatience;
    const auto reply = server_->http().send(request);
    if (!reply) return note(name, reply.error().message());
    if (reply->code != 200) note(name, fmt::format("{}: HTTP {}", target, reply->code));
    add(name, reply->body);
  }

  /// What must not be found in any text: values of Secrets, tokens, what environments call secret.
  void learn_secrets() {
    if (const auto all = server_->list(model::info(model::Kind::Secret), "", {})) {
      for (const auto& secret : items_of(*all)) {
        const auto* data = find(secret, {"data"});
        if (data == nullptr || !data->is_object()) continue;
        for (const auto& [name, value] : data->get_object()) {
          if (!value.is_string()) continue;
          const auto text = view(value.get_string());
          redactor_.add_secret(model::decode_base64(text).value_or(std::string(text)));
        }
      }
    } else {
      note("objects", all.error().message());
      agent_answers_ = false;
    }
    for (const auto kind : {model::Kind::Pod, model::Kind::StatefulSet, model::Kind::DaemonSet, model::Kind::Deployment,
                            model::Kind::ReplicaSet, model::Kind::ReplicationController}) {
      if (!agent_answers_) break;
      if (const auto all = server_->list(model::info(kind), "", {})) {
        for (const auto& value : secret_environment(*all)) redactor_.add_secret(value);
      }
    }
    for (const auto& record : records()) {
      for (const auto& value : secret_environment(record)) redactor_.add_secret(value);
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
    for (std::size_t at = 0; at < text->size();) {
      const auto end = std::min(text->find('\n', at), text->size());
      const auto line = text->substr(at, end - at);
      redactor_.add_secret(line.substr(0, line.find(',')));
      at = end + 1;
    }
  }

  std::vector<fs::path> configuration_files() const {
    std::vector<fs::path> out{options_.config};
    // What is wrong with the directory was noted when the paths were read.
    const auto over = drop_ins(options_.config);
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
    add("versions.txt",
        fmt::format("berth {}\nkernel {} {} {}\nhost {}\nat {}\n", BERTH_VERSION, kernel.release, kernel.version,
                    kernel.machine, kernel.nodename, format_rfc3339(std::chrono::system_clock::now())));
    file("os-release.txt", "/etc/os-release");
    program("packages.txt",
            {"dpkg-query", "-W", "berth", "containerd", "containerd.io", "runc", "systemd", "nftables"});
    program("runc.txt", {"runc", "--version"});
  }

  void configuration() {
    for (const auto& path : configuration_files()) {
      const auto text = read_file(path);
      if (!text) {
        note("config", text.error().message());
        continue;
      }
      add("config/" + path.filename().string(), redactor_.configuration(*text));
    }
    const auto unit = capture({"systemctl", "cat", "berthd.service", "berth-logd.service"}, kMostOfOne, kPatience);
    if (!unit) return note("config/units.txt", unit.error().message());
    std::string text;  // Values of environments are nobody's business.
    for (std::size_t at = 0; at < unit->text.size();) {
      const auto end = std::min(unit->text.find('\n', at), unit->text.size());
      const auto line = unit->text.substr(at, end - at);
      text += (line.starts_with("Environment=") ? "Environment=<left out>" : line) + '\n';
      at = end + 1;
    }
    add("config/units.txt", redactor_.configuration(std::move(text)));
  }

  void agent() {
    if (!agent_answers_) return note("agent", "it does not answer: what follows is from disk");
    page("status.json", std::string(model::kHostStatusPath));
    page("readyz.txt", "/readyz?verbose");
    page("metrics.txt", "/metrics");
    page("metrics-resource.txt", "/metrics/resource");
  }

  void objects() {
    for (const auto& kind : model::all_kinds()) {
      if (!agent_answers_) break;
      const auto list = server_->list(kind, "", {});
      if (!list) {
        note(fmt::format("objects/{}", kind.plural), list.error().message());
        continue;
      }
      std::string lines;
      for (const auto& item : items_of(*list)) {
        if (!item.is_object()) continue;
        auto object = item.get_object();
        object["kind"] = kind.name;  // Items of a list need not say it, and what is left out depends on it.
        lines += json::serialize(without_secrets(object)) + '\n';
      }
      if (!lines.empty()) add(fmt::format("objects/{}.jsonl", kind.plural), std::move(lines));
    }
    std::string lines;
    for (const auto& record : records()) lines += json::serialize(without_secrets(record.get_object())) + '\n';
    if (!lines.empty()) add("disk/pod-records.jsonl", std::move(lines));
  }

  void system() {
    program("systemd.txt", {"systemctl", "status", "--no-pager", "--lines=0", "berthd", "berth-logd", "containerd"});
    // Not what containers say: that is theirs. berth-logd stores it under their own identifiers.
    program("journal-berthd.txt", {"journalctl", "--no-pager", "-o", "short-iso", "-n", "3000", "-u", "berthd"});
    program("journal-berth-logd.txt",
            {"journalctl", "--no-pager", "-o", "short-iso", "-n", "500", "-u", "berth-logd", "-t", "berth-logd"});
    program("journal-containerd.txt",
            {"journalctl", "--no-pager", "-o", "short-iso", "-n", "1000", "-u", "containerd"});
    program("journal-kernel.txt", {"journalctl", "--no-pager", "-o", "short-iso", "-n", "300", "-k"});
    containerd();
    file("mounts.txt", "/proc/self/mountinfo");
    file("meminfo.txt", "/proc/meminfo");
    file("loadavg.txt", "/proc/loadavg");
    file("pressure-memory.txt", "/proc/pressure/memory");
    file("resolv.conf.txt", "/etc/resolv.conf");
    program("disks.txt",
            {"df", "-h", paths_.state_dir.string(), paths_.run_dir.string(), "/var/lib/containerd", "/var/log"});
    program("inodes.txt",
            {"df", "-i", paths_.state_dir.string(), paths_.run_dir.string(), "/var/lib/containerd", "/var/log"});
    program("network/addresses.txt", {"ip", "-d", "address"});
    program("network/routes.txt", {"ip", "route", "show", "table", "all"});
    program("network/sockets.txt", {"ss", "-Hlntu"});
    firewall();
    add("cgroups.txt", cgroups());
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
      if (!program(fmt::format("containerd/{}.txt", name), line)) return;
    }
  }

  /// Our own tables whole; of the others only which chains there are, and what they do by default.
  void firewall() {
    program("network/nft-chains.txt", {"nft", "list", "chains"});
    const auto tables = capture({"nft", "list", "tables"}, kMostOfOne, kPatience);
    if (!tables) return note("network/nft", tables.error().message());
    add("network/nft-tables.txt", tables->text);
    for (std::size_t at = 0; at < tables->text.size();) {
      const auto end = std::min(tables->text.find('\n', at), tables->text.size());
      const auto line = tables->text.substr(at, end - at);  // "table inet berth-berth0"
      at = end + 1;
      const auto first = line.find(' ');
      const auto second = line.find(' ', first + 1);
      if (second == std::string::npos || !line.substr(second + 1).starts_with("berth-")) continue;
      const auto family = line.substr(first + 1, second - first - 1);
      const auto name = line.substr(second + 1);
      program(fmt::format("network/nft-{}-{}.txt", family, name), {"nft", "list", "table", family, name});
    }
  }

  void files() {
    add("disk/state-dir.txt", listing(paths_.state_dir));
    add("disk/run-dir.txt", listing(paths_.run_dir));
    file("disk/store.json", paths_.run_dir / "store.json");
  }

  Status finish() {
    add("README.txt",
        "What a host that runs berth says of itself: berth support-bundle made this.\n"
        "Left out: data of Secrets and ConfigMaps, values of environment variables, commands and arguments, "
        "annotations,\n"
        "what containers said, tokens, keys. Values of Secrets were looked for in every file and replaced.\n"
        "Names of objects, images, addresses and paths are in it: look through it before you give it away.\n" +
            (notes_.empty() ? std::string() : "\nNot to be had:\n" + notes_));
    if (!written_) return written_;
    return archive_.finish();
  }

  const BundleOptions& options_;
  BundleArchive& archive_;
  Global global_;
  AgentPaths paths_;
  std::unique_ptr<Server> server_;
  Redactor redactor_;
  std::string notes_;
  Status written_ = Ok{};
  bool agent_answers_ = true;
};

int make_bundle(const Global& global, const BundleOptions& options, std::string name) {
  utsname host{};
  ::uname(&host);
  auto stamp = format_rfc3339(std::chrono::system_clock::now());
  std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
  const auto folder = fmt::format("berth-support-{}-{}", host.nodename, stamp);
  const auto into = [&](int fd) {
    BundleArchive archive(folder, [fd](std::string_view bytes) { return write_fully(fd, bytes); });
    return Bundle(global, options, archive).make();
  };
  if (name == "-") {
    if (::isatty(STDOUT_FILENO) == 1) {
      return usage_error("support-bundle", {ErrorCode::InvalidArgument, "it is no text: name a file, or use a pipe"});
    }
    const auto made = into(STDOUT_FILENO);
    return made ? 0 : fail(made.error());
  }
  if (name.empty()) name = folder + ".tar.gz";
  auto file = PrivateFile::make(name);
  if (!file) return fail(file.error());
  if (auto made = into(file->fd()); !made) return fail(made.error());
  if (auto kept = file->keep(); !kept) return fail(kept.error());
  std::cout << name << '\n';
  return 0;
}

}  // namespace

Command support_bundle_command() {
  auto options = std::make_shared<BundleOptions>();
  Command command;
  command.usage = "[FILE] [flags]";
  command.details =
      "status, doctor, configuration, versions, journals of the services, objects, metrics, containerd, mounts, "
      "firewall and "
      "cgroups in one .tar.gz (mode 0600). Without an agent: what is to be had from disk.\n"
      "Left out: data of Secrets and ConfigMaps, environments, commands, annotations, output of containers, tokens and "
      "keys. "
      "- is standard output.";
  command.words = Words::Files;
  command.flags.add_path(options->config, "config", "FILE", "berthd's configuration (default: /etc/berth/berthd.yaml)");
  command.run = [options](const Global& global, const Arguments& arguments) {
    if (arguments.words.size() > 1) {
      return usage_error("support-bundle", {ErrorCode::InvalidArgument, "name one file, or none"});
    }
    return make_bundle(global, *options, arguments.words.empty() ? std::string() : arguments.words[0]);
  };
  return command;
}

}  // namespace berth::cli
