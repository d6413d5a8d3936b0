// api/usage/host_metrics.cpp - see host_metrics.hpp.
#include "api/usage/host_metrics.hpp"

#include <chrono>
#include <filesystem>

#include "api/usage/metrics_page.hpp"

namespace berth::api {
namespace {

/// Seconds since 1970; 0: never.
std::int64_t seconds(const std::optional<WallTime>& at) {
  return at ? std::chrono::duration_cast<std::chrono::seconds>(at->time_since_epoch()).count() : 0;
}

/// The store's file with its log.
std::uintmax_t store_bytes(const std::string& path) {
  std::uintmax_t bytes = 0;
  for (const auto* suffix : {"", "-wal"}) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path + suffix, error);
    if (!error) bytes += size;
  }
  return bytes;
}

void append_sources(std::string& out, const std::vector<model::SourceStatus>& sources) {
  append_family(out, "berth_source_up", "gauge", "1 if that source of manifests could be read last, 0 if not.");
  for (const auto& source : sources) {
    out += fmt::format("berth_source_up{{source=\"{}\"}} {}\n", escape_label(source.name),
                       source.error.empty() && source.read_at ? 1 : 0);
  }
  append_family(out, "berth_source_read_timestamp_seconds", "gauge",
                "When that source was last read whole, since unix epoch in seconds; 0: never yet.");
  for (const auto& source : sources) {
    out += fmt::format("berth_source_read_timestamp_seconds{{source=\"{}\"}} {}\n", escape_label(source.name),
                       seconds(source.read_at));
  }
}

void append_disks(std::string& out, const std::vector<model::DiskStatus>& disks) {
  append_family(out, "berth_disk_size_bytes", "gauge", "Size of the file system at that path.");
  for (const auto& disk : disks) {
    if (disk.error.empty()) {
      out += fmt::format("berth_disk_size_bytes{{path=\"{}\"}} {}\n", escape_label(disk.path), disk.total_bytes);
    }
  }
  append_family(out, "berth_disk_free_bytes", "gauge", "What may still be written at that path.");
  for (const auto& disk : disks) {
    if (disk.error.empty()) {
      out += fmt::format("berth_disk_free_bytes{{path=\"{}\"}} {}\n", escape_label(disk.path), disk.free_bytes);
    }
  }
}

}  // namespace

void append_host(std::string& out, const model::HostStatus& status) {
  append_one(out, "berth_containerd_up", "gauge", "1 if containerd is usable, 0 if not.",
             status.containerd.error.empty() ? 1 : 0);
  append_one(out, "berth_strangers", "gauge", "Pods that run here and have no object.", status.strangers.size());
  append_one(out, "berth_store_problems", "gauge", "Rows that cannot be read, and troubles of the store's file.",
             status.store.problems.size());
  append_one(out, "berth_store_size_bytes", "gauge", "Size of the store's file and its log.",
             store_bytes(status.store.path));
  append_one(out, "berth_store_backup_timestamp_seconds", "gauge",
             "When the store's own copy was written, since unix epoch in seconds; 0: there is none.",
             seconds(status.store.backup_at));
  append_sources(out, status.sources);
  append_disks(out, status.disks);
}

}  // namespace berth::api
