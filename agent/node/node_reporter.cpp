// agent/node/node_reporter.cpp - see node_reporter.hpp.
#include "agent/node/node_reporter.hpp"

#include <sys/statvfs.h>

#include <charconv>
#include <utility>

#include "agent/node/silence_plan.hpp"
#include "base/atomic_file.hpp"

namespace berth::agent {
namespace {

constexpr std::chrono::minutes kLookEvery{1};
constexpr std::chrono::minutes kHeartbeat{5};
// The kubelet's default eviction thresholds, and three quarters of all process ids.
constexpr std::uint64_t kLeastMemoryKib = 100 * 1024;
constexpr std::uint64_t kLeastDiskPercent = 10;
constexpr std::uint64_t kMostPidPercent = 75;

std::uint64_t number_in(std::string_view text) {
  const auto digit = text.find_first_of("0123456789");
  if (digit == std::string_view::npos) return 0;
  std::uint64_t number = 0;
  std::from_chars(text.data() + digit, text.data() + text.size(), number);
  return number;
}

std::uint64_t number_of_file(const char* path) { return number_in(read_file(path).value_or("")); }

/// What is unknown is no pressure.
NodeHealth look_at_host(const std::filesystem::path& state_dir, NodeHealth health) {
  const auto memory = read_file("/proc/meminfo").value_or("");  // proc(5)
  if (const auto at = memory.find("MemAvailable:"); at != std::string::npos) {
    health.memory_pressure = number_in(std::string_view(memory).substr(at)) < kLeastMemoryKib;
  }
  struct statvfs disk {};
  if (::statvfs(state_dir.c_str(), &disk) == 0 && disk.f_blocks > 0) {
    health.disk_pressure = disk.f_bavail * 100 / disk.f_blocks < kLeastDiskPercent;
  }
  const auto load = read_file("/proc/loadavg").value_or("");  // "0.20 0.18 0.12 1/80 11206": the fourth is running/all
  if (const auto slash = load.find('/'); slash != std::string::npos) {
    const auto most = number_of_file("/proc/sys/kernel/pid_max");
    health.pid_pressure = most > 0 && number_in(std::string_view(load).substr(slash)) * 100 / most > kMostPidPercent;
  }
  return health;
}

}  // namespace

NodeReporter::NodeReporter(Loop& loop, StoreWriter& writer, const Clock& clock, std::string node_name,
                           std::filesystem::path state_dir, Heartbeat heartbeat, std::chrono::milliseconds retry)
    : loop_(loop),
      writer_(writer),
      clock_(clock),
      node_name_(std::move(node_name)),
      state_dir_(std::move(state_dir)),
      heartbeat_(heartbeat),
      retry_after_(retry) {
  health_.among_others = heartbeat_ == Heartbeat::Session;
}

void NodeReporter::begin() {
  begun_ = true;
  health_ = look_at_host(state_dir_, health_);
  report();
  if (heartbeat_ == Heartbeat::Written) {
    renew_lease();
  } else {
    writer_.remove({model::Kind::Lease, std::string(kNodeLeaseNamespace), node_name_}, {}, {});
  }
  timer_ = loop_.after(kLookEvery, [this] { look(); });
}

void NodeReporter::look() {
  const auto health = look_at_host(state_dir_, health_);
  const bool news = health != health_;
  health_ = health;
  const bool written = heartbeat_ == Heartbeat::Written;
  if (news || (written && clock_.now() - reported_ >= kHeartbeat)) report();
  if (written) renew_lease();
  timer_ = loop_.after(kLookEvery, [this] { look(); });
}

void NodeReporter::on_runtime(const std::string& error, const std::string& version) {
  const bool news = error != health_.runtime_error || (!version.empty() && version != runtime_version_);
  health_.runtime_error = error;
  if (!version.empty()) runtime_version_ = version;
  if (news && begun_) report();
}

void NodeReporter::on_silent_shims(const std::vector<model::HostProblem>& silent) {
  auto sentence = silent_shims_sentence(silent);
  if (sentence == health_.silent_shims) return;
  health_.silent_shims = std::move(sentence);
  if (begun_) report();
}

void NodeReporter::on_troubles(std::vector<NodeTrouble> troubles) {
  if (troubles == health_.troubles) return;
  health_.troubles = std::move(troubles);
  if (begun_) report();
}

void NodeReporter::on_node(const model::Object& node, bool is_new) {
  if (begun_ && (is_new || is_marked_silent(node.raw))) report();
}

void NodeReporter::report() {
  retry_.reset();
  if (writing_) {
    again_ = true;
    return;
  }
  writing_ = true;
  reported_ = clock_.now();
  writer_.modify(
      {model::Kind::Node, "", node_name_}, {}, Durability::Lazy,
      [health = health_, version = runtime_version_, now = clock_.wall()](json::object& raw) {
        update_node_status(raw, health, version, now);
        return true;
      },
      [this](const Status& written) {
        writing_ = false;
        const auto again = std::exchange(again_, false);
        if (!written) {
          retry_ = loop_.after(retry_after_, [this] { report(); });
        } else if (again) {
          report();
        }
      });
}

void NodeReporter::renew_lease() {
  const auto now = clock_.wall();
  writer_.modify(
      {model::Kind::Lease, std::string(kNodeLeaseNamespace), node_name_}, {}, Durability::Lazy,
      [now](json::object& raw) {
        auto& spec = raw["spec"];
        if (!spec.is_object()) spec = json::object();
        spec.get_object()["renewTime"] = format_rfc3339_micro(now);
        return true;
      },
      [this, now](const Status& renewed) {
        if (renewed || renewed.error().code() != ErrorCode::NotFound) return;
        writer_.create(make_node_lease(node_name_, now), Durability::Lazy, {});
      });
}

}  // namespace berth::agent
