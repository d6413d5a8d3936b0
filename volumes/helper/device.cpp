// volumes/helper/device.cpp - see device.hpp.
#include "volumes/helper/device.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <type_traits>

#include "volumes/helper/block_device.hpp"
#include "volumes/helper/cloud_disk.hpp"
#include "volumes/helper/fibre_channel.hpp"
#include "volumes/helper/iscsi.hpp"
#include "volumes/helper/loop_device.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::chrono::seconds kAttachLoop{60};

template <typename Kind>
constexpr bool kIsDevice = std::is_same_v<Kind, model::LocalSource> || std::is_same_v<Kind, model::IscsiSource> ||
                           std::is_same_v<Kind, model::FcSource> || std::is_same_v<Kind, model::CloudDiskSource>;

Result<bool> is_image(const std::string& path) {
  struct stat now = {};
  if (::stat(path.c_str(), &now) != 0) return Error::from_errno(errno, "look for " + path);
  return !S_ISBLK(now.st_mode);
}

Result<json::object> plan_loop(const std::string& path) {
  say_doing("look at " + path, kAttachLoop);
  const auto image = is_image(path);
  if (!image) return image.error();
  if (!*image) return json::object();
  const auto file = file_identity(path);
  if (!file) return file.error();
  const auto found = find_loop(*file);
  if (!found) return found.error();
  // By number: the image may be renamed or removed while it is attached.
  return json::object{{"loop", {{"ours", !found->has_value()}, {"device", file->device}, {"inode", file->inode}}}};
}

Result<std::filesystem::path> attach_local(const std::string& path) {
  say_doing("attach " + path, kAttachLoop);
  const auto image = is_image(path);
  if (!image) return image.error();
  return *image ? attach_loop(path) : block_node(path);
}

Status detach_local(const json::object& plan) {
  const auto* loop = plan.if_contains("loop");
  if (loop == nullptr) return Ok{};
  const auto* ours = find(*loop, {"ours"});
  const auto* device = find(*loop, {"device"});
  const auto* inode = find(*loop, {"inode"});
  if (ours == nullptr || ours->if_bool() == nullptr || device == nullptr || inode == nullptr) {
    return Error(ErrorCode::DataLoss, "the record of the loop device cannot be understood");
  }
  boost::system::error_code failure;
  const FileIdentity file{device->to_number<dev_t>(failure), inode->to_number<ino_t>(failure)};
  if (failure) return Error(ErrorCode::DataLoss, "the record of the loop device cannot be understood");
  return ours->get_bool() ? detach_loop(file) : Status(Ok{});
}

}  // namespace

bool is_device(const model::PersistentSource& source) {
  return std::visit([](const auto& kind) { return kIsDevice<std::decay_t<decltype(kind)>>; }, source);
}

Result<json::object> plan_attach(const DiskVolume& volume) {
  if (const auto* local = std::get_if<model::LocalSource>(&volume.source)) return plan_loop(local->path);
  return json::object();
}

Result<std::filesystem::path> attach(const DiskVolume& volume, const std::filesystem::path& run_dir) {
  if (const auto* local = std::get_if<model::LocalSource>(&volume.source)) {
    return attach_local(local->path);
  }
  if (const auto* iscsi = std::get_if<model::IscsiSource>(&volume.source)) {
    return attach_iscsi(*iscsi, volume.secret, run_dir);
  }
  if (const auto* channel = std::get_if<model::FcSource>(&volume.source)) return find_fibre_channel(*channel);
  if (const auto* cloud = std::get_if<model::CloudDiskSource>(&volume.source)) return find_cloud_disk(*cloud);
  return Error(ErrorCode::InvalidArgument, fmt::format("{} is not a device", volume.name));
}

Status detach(const model::PersistentSource& source, const json::object& plan, const std::filesystem::path& run_dir,
              const std::string& key) {
  if (std::holds_alternative<model::LocalSource>(source)) return detach_local(plan);
  if (const auto* iscsi = std::get_if<model::IscsiSource>(&source)) return detach_iscsi(*iscsi, run_dir, key);
  return Ok{};
}

}  // namespace berth::volumes::helper
