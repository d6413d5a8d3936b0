// cli/doctor_command.cpp - berth doctor: what this host lacks for pods to run, and how to fix it.
#include <fcntl.h>
#include <linux/capability.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/unique_fd.hpp"
#include "base/unix_address.hpp"
#include "cli/agent_paths.hpp"
#include "cli/command.hpp"
#include "cli/resources.hpp"
#include "cli/server.hpp"
#include "model/host_status.hpp"

namespace berth::cli {

namespace {

enum class Verdict { Ok, Warn, Fail };

struct Finding {
  Verdict verdict = Verdict::Ok;
  std::string text;
  std::string fix;  ///< Empty when there is nothing to do.
};

Finding good(std::string text) { return {Verdict::Ok, std::move(text), {}}; }

Finding containerd(const std::filesystem::path& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = unix_address(path);
  if (!address) return {Verdict::Fail, "containerd: socket path too long", {}};
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0) {
    return good(fmt::format("containerd answers at {}", path.string()));
  }
  return {Verdict::Fail, fmt::format("containerd at {}: {}", path.string(), std::strerror(errno)),
          errno == EACCES ? "run as root" : "apt-get install containerd; systemctl enable --now containerd"};
}

std::string in_path(std::string_view program) {
  const char* path = std::getenv("PATH");
  std::stringstream folders(std::string(path != nullptr ? path : "") + ":/usr/sbin:/sbin:/usr/local/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    auto file = fmt::format("{}/{}", folder, program);
    if (!folder.empty() && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

Finding oci_runtime() {
  for (const auto* name : {"runc", "crun"}) {
    if (const auto file = in_path(name); !file.empty()) return good(fmt::format("{} at {}", name, file));
  }
  return {Verdict::Fail, "neither runc nor crun is in PATH", "apt-get install runc"};
}

Finding overlay() {
  const auto known = read_file("/proc/filesystems");
  if (known && known->find("\toverlay\n") != std::string::npos) return good("the kernel has overlayfs");
  return {Verdict::Warn, "overlay is not in /proc/filesystems",
          "modprobe overlay; echo overlay > /etc/modules-load.d/berth.conf"};
}

Finding cgroups() {
  constexpr long kCgroup2Magic = 0x63677270;
  struct statfs info {};
  if (::statfs("/sys/fs/cgroup", &info) != 0) {
    return {Verdict::Fail, "/sys/fs/cgroup is not there", "mount a cgroup file system (systemd does)"};
  }
  if (static_cast<long>(info.f_type) == kCgroup2Magic) return good("cgroup version 2");
  return {Verdict::Warn, "cgroup version 1: works, without memory.high and pressure",
          "boot with systemd.unified_cgroup_hierarchy=1"};
}

/// Is `capability` in the effective set? capget(2).
bool has_capability(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[capability / 32].effective & (1U << (capability % 32))) != 0;
}

Finding net_admin() {
  if (has_capability(CAP_NET_ADMIN)) return good("CAP_NET_ADMIN: links, routes and nftables can be changed");
  return {Verdict::Fail, "CAP_NET_ADMIN is missing: no pod network", "run as root, or from berthd.service"};
}

Finding sys_resource() {
  if (has_capability(CAP_SYS_RESOURCE)) return good("CAP_SYS_RESOURCE: limits and oom scores can be set");
  return {Verdict::Warn, "CAP_SYS_RESOURCE is missing: rlimits and oom scores of pods cannot be raised", "run as root"};
}

Finding ip_forward() {
  const auto value = read_file("/proc/sys/net/ipv4/ip_forward");
  if (value && value->starts_with("1")) return good("IPv4 forwarding is on");
  return {Verdict::Warn, "IPv4 forwarding is off: pods would reach nothing beyond this host (berthd turns it on)",
          "sysctl -w net.ipv4.ip_forward=1; echo net.ipv4.ip_forward=1 > /etc/sysctl.d/90-berth.conf"};
}

Finding journald() {
  if (::access("/run/systemd/journal/socket", F_OK) == 0) return good("systemd-journald takes container logs");
  return {Verdict::Warn, "no systemd-journald: container logs go to files below /var/log/berth", {}};
}

Finding kernel() {
  utsname name{};
  ::uname(&name);
  int major = 0;
  int minor = 0;
  const std::string_view release = name.release;
  const auto dot = release.find('.');
  std::from_chars(release.data(), release.data() + std::min(dot, release.size()), major);
  if (dot != std::string_view::npos) {
    std::from_chars(release.data() + dot + 1, release.data() + release.size(), minor);
  }
  // mount_setattr(2) is of 5.12; open_tree(2) of 5.2.
  if (major > 5 || (major == 5 && minor >= 12)) return good(fmt::format("kernel {}", release));
  return {Verdict::Fail, fmt::format("kernel {} has no mount_setattr(2)", release), "use kernel 5.12 or newer"};
}

Finding openat2() {
  struct {
    std::uint64_t flags, mode, resolve;
  } how{O_PATH | O_CLOEXEC, 0, 0x08 /* RESOLVE_BENEATH */};
  UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root.get(), ".", &how, sizeof(how))));
  if (fd) return good("openat2(2) works: subPath is safe");
  return {Verdict::Fail, fmt::format("openat2(2): {}", std::strerror(errno)),
          "use kernel 5.6 or newer, and a seccomp policy that allows it"};
}

Finding inotify() {
  constexpr int kWanted = 128;
  const auto text = read_file("/proc/sys/fs/inotify/max_user_instances");
  int instances = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), instances);
  if (instances >= kWanted) return good(fmt::format("inotify instances: {}", instances));
  return {Verdict::Warn, fmt::format("fs.inotify.max_user_instances is {}", instances),
          fmt::format("sysctl -w fs.inotify.max_user_instances={}", 4 * kWanted)};
}

/// Does somebody hold port 53 on every address? Then the bridge's address is taken too.
Finding dns_port() {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  address.sin_addr.s_addr = htonl(0x7f00fe35);  // 127.0.254.53: only a wildcard listener is in the way there
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
    return good("port 53 is free");
  if (errno == EADDRINUSE) {
    return {Verdict::Warn, "port 53 is taken on all addresses",
            "bind the other server to its own addresses (dnsmasq: bind-interfaces; unbound: interface:)"};
  }
  return {Verdict::Warn, fmt::format("port 53: {}", std::strerror(errno)), "run as root"};
}

/// Pods that run here and have no object; who decides about them is a person.
std::vector<Finding> strangers(const Global& global) {
  const auto document = Server(global).read(std::string(model::kHostStatusPath));
  const auto status = document ? model::decode_host_status(*document) : document.error();
  if (!status) {
    return {{Verdict::Warn, fmt::format("the agent: {}", status.error().message()),
             fmt::format("systemctl status berthd; is {} its socket?", global.socket.string())}};
  }
  std::vector<Finding> all{good(fmt::format("the agent answers at {}", global.socket.string()))};
  for (const auto& stranger : status->strangers) {
    all.push_back({Verdict::Warn,
                   fmt::format("pod {}/{} (uid {}) runs here and has no object: {}", stranger.ns, stranger.name,
                               stranger.uid, stranger.why),
                   fmt::format("berth pods adopt {0}, or berth pods remove {0}", stranger.uid)});
  }
  return all;
}

/// Do the host's programs find the pods by name? Asked for a service that has addresses, as any program would.
std::vector<Finding> host_names(const Global& global, const std::string& domain) {
  const auto list = Server(global).list(model::info(model::Kind::Endpoints), "", {"", ""});
  if (!list) return {};
  for (const auto& endpoints : items_of(*list)) {
    const auto* subsets = find(endpoints, {"subsets"});
    if (subsets == nullptr || !subsets->is_array() || subsets->get_array().empty()) continue;
    if (find(subsets->get_array()[0], {"addresses"}) == nullptr) continue;
    const auto name = fmt::format("{}.{}.svc.{}", name_of(endpoints), namespace_of(endpoints), domain);
    addrinfo* found = nullptr;
    const auto code = ::getaddrinfo(name.c_str(), nullptr, nullptr, &found);
    if (code == 0) {
      ::freeaddrinfo(found);
      return {good("the host resolves the pods' names")};
    }
    return {
        {Verdict::Warn, fmt::format("the host does not resolve {}: {}", name, ::gai_strerror(code)),
         "apt-get install systemd-resolved libnss-resolve, which the agent tells of them; or send them to it from the "
         "resolver that is here (docs/operations.md, names on the host)"}};
  }
  return {};  // No names yet.
}

struct DoctorOptions {
  std::filesystem::path config = "/etc/berth/berthd.yaml";
  std::filesystem::path containerd;  ///< Empty: as the configuration says.
};

/// Where things are; notes in `findings` what is wrong with the configuration.
AgentPaths configured(const DoctorOptions& options, std::vector<Finding>& findings) {
  auto paths = read_agent_paths(options.config);
  if (paths) {
    findings.push_back(good(fmt::format("configuration {}", options.config.string())));
  } else if (paths.error().code() == ErrorCode::NotFound) {
    findings.push_back(good(fmt::format("no configuration {}: berthd's defaults", options.config.string())));
  } else {
    findings.push_back({Verdict::Fail, fmt::format("configuration: {}", paths.error().message()),
                        fmt::format("berthd --check --config {}", options.config.string())});
  }
  auto used = paths.value_or(AgentPaths{});
  if (!options.containerd.empty()) used.containerd = options.containerd;
  return used;
}

int examine(Global global, const DoctorOptions& options) {
  std::vector<Finding> findings;
  const auto paths = configured(options, findings);
  if (global.socket == Global{}.socket) global.socket = paths.socket;
  const std::vector<std::function<Finding()>> checks{[&] { return containerd(paths.containerd); },
                                                     oci_runtime,
                                                     overlay,
                                                     cgroups,
                                                     net_admin,
                                                     sys_resource,
                                                     ip_forward,
                                                     journald,
                                                     kernel,
                                                     openat2,
                                                     inotify,
                                                     dns_port};
  for (const auto& check : checks) findings.push_back(check());
  for (auto& finding : strangers(global)) findings.push_back(std::move(finding));
  for (auto& finding : host_names(global, paths.cluster_domain)) findings.push_back(std::move(finding));
  bool failed = false;
  for (const auto& finding : findings) {
    switch (finding.verdict) {
      case Verdict::Ok: std::cout << "ok    "; break;
      case Verdict::Warn: std::cout << "warn  "; break;
      case Verdict::Fail:
        std::cout << "FAIL  ";
        failed = true;
        break;
    }
    std::cout << finding.text << '\n';
    if (!finding.fix.empty()) std::cout << "      fix: " << finding.fix << '\n';
  }
  return failed ? 1 : 0;
}

}  // namespace

Command doctor_command() {
  auto options = std::make_shared<DoctorOptions>();
  Command command;
  command.usage = "[flags]";
  command.details = "Exit code 1 when something fails; warnings are for you to judge.";
  command.flags.add_path(options->config, "config", "FILE", "berthd's configuration (default: /etc/berth/berthd.yaml)");
  command.flags.add_path(options->containerd, "containerd", "FILE",
                         "containerd's socket (default: as the configuration says)");
  command.run = [options](const Global& global, const Arguments&) { return examine(global, *options); };
  return command;
}

}  // namespace berth::cli
