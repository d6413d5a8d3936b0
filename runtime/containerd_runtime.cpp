// runtime/containerd_runtime.cpp - construction, check, images.
#include "runtime/containerd_runtime.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/usage.hpp"

namespace berth::runtime {
namespace {

const PluginRecord* find_plugin(const std::vector<PluginRecord>& plugins, std::string_view type, std::string_view id) {
  const auto found = std::find_if(plugins.begin(), plugins.end(),
                                  [&](const auto& plugin) { return plugin.type == type && plugin.id == id; });
  return found == plugins.end() ? nullptr : &*found;
}

/// The kubelet's, for "container runtime is down".
constexpr std::chrono::seconds kAnswersWithin{30};

/// In the kubelet's words, which people look for.
Error down(const Error& error, const std::string& address) {
  if (error.code() == ErrorCode::DeadlineExceeded) {
    return {error.code(), fmt::format("container runtime is down: containerd at {} has not answered for {} s", address,
                                      kAnswersWithin.count())};
  }
  return {error.code(), "container runtime is down: " + error.message()};
}

}  // namespace

ContainerdRuntime::ContainerdRuntime(RuntimeConfig config)
    : config_(std::move(config)),
      channel_(config_.address),
      client_(channel_, {config_.ns, config_.snapshotter, config_.runtime}),
      images_(client_),
      io_(config_.run_dir / "io"),
      cgroups_("/sys/fs/cgroup", config_.cgroup_parent),
      ipc_(config_.run_dir / "ipc"),
      seccomp_({"/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"}, "/var/lib/kubelet/seccomp"),
      puller_(client_, images_),
      clean_up_(make_thread_lane("exec-end", 1)) {}

ContainerdRuntime::~ContainerdRuntime() { channel_.shutdown(); }

Status ContainerdRuntime::check() {
  const auto version = client_.version(kAnswersWithin);
  if (!version) {
    client_.shims().forget_all();
    return down(version.error(), config_.address);
  }
  {
    const std::lock_guard lock(mutex_);
    version_ = *version;
  }
  const auto plugins = client_.plugins(kAnswersWithin);
  if (!plugins) return down(plugins.error(), config_.address);

  const auto missing = [&](std::string_view what) {
    return Error(ErrorCode::FailedPrecondition,
                 fmt::format("containerd {} at {}: {}", *version, config_.address, what));
  };
  const auto* snapshotter = find_plugin(*plugins, "io.containerd.snapshotter.v1", config_.snapshotter);
  if (!snapshotter) return missing(fmt::format("no snapshotter \"{}\"", config_.snapshotter));
  if (!snapshotter->init_error.empty()) {
    return missing(fmt::format("snapshotter \"{}\" does not work: {}", config_.snapshotter, snapshotter->init_error));
  }
  const auto* images = find_plugin(*plugins, "io.containerd.grpc.v1", "cri");
  if (!images) images = find_plugin(*plugins, "io.containerd.cri.v1", "images");
  if (!images) {
    return missing(
        "its CRI plugin is off, so that nothing can be pulled; take \"cri\" out of disabled_plugins in "
        "/etc/containerd/config.toml");
  }
  if (!images->init_error.empty()) return missing("its CRI plugin does not work: " + images->init_error);
  if (config_.ns != "k8s.io") {
    log_once("images are pulled into containerd's namespace k8s.io only: with containerd.namespace " + config_.ns +
             " they have to be there already");
  }
  return Ok{};
}

std::string ContainerdRuntime::version() const {
  const std::lock_guard lock(mutex_);
  if (version_.empty()) return {};
  return fmt::format("containerd://{}", version_.starts_with('v') ? std::string_view(version_).substr(1) : version_);
}

Result<ImageInfo> ContainerdRuntime::image(const std::string& reference) {
  const auto image = images_.find(reference);
  if (!image) return image.error();
  return ImageInfo{image->name, image->digest, image->config->user};
}

void ContainerdRuntime::pull(const std::string& reference, const std::vector<RegistryAuth>& auths,
                             std::function<void(Result<ImageInfo>)> done) {
  puller_.pull(reference, auths, std::move(done));
}

Result<std::vector<ContainerUsage>> ContainerdRuntime::usage() {
  return read_usage("/sys/fs/cgroup", config_.cgroup_parent);
}

std::unique_ptr<PodRuntime> make_containerd_runtime(const RuntimeConfig& config) {
  return std::make_unique<ContainerdRuntime>(config);
}

}  // namespace berth::runtime
