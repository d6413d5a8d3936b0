// volumes/helper/lvm_provisioner.cpp - see lvm_provisioner.hpp.
#include "volumes/helper/lvm_provisioner.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "volumes/helper/claim_lock.hpp"
#include "volumes/helper/device_users.hpp"
#include "volumes/helper/lvm_report.hpp"
#include "volumes/helper/online_growth.hpp"
#include "volumes/helper/parameters.hpp"
#include "volumes/helper/sizes.hpp"
#include "volumes/helper/step.hpp"
#include "volumes/helper/wipe.hpp"
#include "volumes/names.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::chrono::seconds kChange{120};
constexpr auto kOurs = "berth";
constexpr auto kUnfinished = "berth.new";

/// The volume group and everything in it, as it is now.
struct Group {
  VolumeGroup group;
  std::vector<LogicalVolume> volumes;

  const LogicalVolume* find(const std::string& name) const {
    const auto found = std::find_if(volumes.begin(), volumes.end(), [&](const auto& one) { return one.name == name; });
    return found == volumes.end() ? nullptr : &*found;
  }
};

Result<Group> look_at(const std::string& name, ErrorCode when_missing) {
  auto groups = read_groups();
  if (!groups) return groups.error();
  std::vector<std::string> names;
  for (auto& group : *groups) {
    names.push_back(group.name);
    if (group.name != name) continue;
    auto volumes = read_volumes(name);
    if (!volumes) return volumes.error();
    return Group{std::move(group), *std::move(volumes)};
  }
  return Error(when_missing,
               fmt::format("no volume group \"{}\" here; there {}", name,
                           names.empty() ? std::string("is none") : fmt::format("are: {}", fmt::join(names, ", "))));
}

/// Is there room for `bytes` more?
Status check_room(const LvmParameters& parameters, const Group& group, std::int64_t bytes) {
  if (parameters.thin_pool.empty()) {
    if (bytes <= group.group.free) return Ok{};
    return Error(ErrorCode::ResourceExhausted,
                 fmt::format("volume group {} is full: {} needed, {} free", parameters.group, format_bytes(bytes),
                             format_bytes(group.group.free)));
  }
  const auto* pool = group.find(parameters.thin_pool);
  if (pool == nullptr || !pool->is_thin_pool()) {
    std::vector<std::string> pools;
    for (const auto& volume : group.volumes) {
      if (volume.is_thin_pool()) pools.push_back(volume.name);
    }
    return Error(ErrorCode::NotFound,
                 fmt::format("no thin pool \"{}\" in volume group {}; there {}", parameters.thin_pool, parameters.group,
                             pools.empty() ? std::string("is none") : fmt::format("are: {}", fmt::join(pools, ", "))));
  }
  const auto left = unpromised_bytes(*pool, group.volumes);
  if (parameters.overcommit || bytes <= left) return Ok{};
  return Error(ErrorCode::ResourceExhausted,
               fmt::format("thin pool {}/{} is full: {} needed, {} neither used nor promised (parameter overcommit "
                           "would allow more)",
                           parameters.group, parameters.thin_pool, format_bytes(bytes),
                           format_bytes(std::max<std::int64_t>(0, left))));
}

/// lvm2 changed its mind about room between our look and its own.
Error classify(Error error) {
  const auto& words = error.message();
  const auto full = words.find("nsufficient free space") != std::string::npos ||
                    words.find("nsufficient suitable") != std::string::npos ||
                    words.find("not enough free") != std::string::npos;
  if (full) return {ErrorCode::ResourceExhausted, words};
  return error;
}

Status change(const std::string& doing, std::vector<std::string> words) {
  const auto done = run_step(doing, lvm_command(std::move(words)), kChange);
  return done ? Status(Ok{}) : classify(done.error());
}

class LvmProvisioner final : public Provisioner {
 public:
  Answer provision(const ProvisionJob& job) override;
  Answer expand(const ExpandJob& job) override;
  Answer reclaim(const ReclaimJob& job) override;
};

/// What a job is about.
struct Volume {
  LvmParameters parameters;
  std::string name;
  std::string full;  ///< "vg0/default.data"
  std::string path;  ///< "/dev/vg0/default.data"
};
template <typename Job>
Result<Volume> volume_of(const Job& job) {
  auto parameters = lvm_parameters(job.parameters);
  if (!parameters) return parameters.error();
  const auto name = volume_name(parameters->group, job.ns, job.claim);
  if (!name) return name.error();
  auto full = fmt::format("{}/{}", parameters->group, *name);
  auto path = fmt::format("/dev/{}", full);
  return Volume{*std::move(parameters), *name, std::move(full), std::move(path)};
}

Status check_source(const model::PersistentSource& source, const Volume& volume) {
  const auto* local = std::get_if<model::LocalSource>(&source);
  if (local != nullptr && local->path == volume.path) return Ok{};
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("the volume is {}, and this claim's would be {}: left alone",
                           local != nullptr ? local->path : std::string("no local one"), volume.path));
}

/// Wiped, and then no longer marked as unfinished.
Status finish(const Volume& volume, const LogicalVolume& now) {
  if (!now.is_active()) {
    if (auto active = change(fmt::format("activate {}", volume.full), {"lvchange", "-ay", "-K", volume.full});
        !active) {
      return active;
    }
  }
  if (auto wiped = wipe(volume.path, Wipe::Signatures); !wiped) return wiped;
  return change(fmt::format("complete {}", volume.full), {"lvchange", "--deltag", kUnfinished, volume.full});
}

Status extend(const Volume& volume, const Group& group, const LogicalVolume& now, std::int64_t bytes) {
  if (bytes <= now.bytes) return Ok{};
  if (auto room = check_room(volume.parameters, group, bytes - now.bytes); !room) return room;
  return change(fmt::format("extend {} to {}", volume.full, format_bytes(bytes)),
                {"lvextend", "--yes", "--size", fmt::format("{}b", bytes), volume.full});
}

/// The volume as lvm2 now has it, to answer with.
Result<LogicalVolume> look_again(const Volume& volume) {
  const auto group = look_at(volume.parameters.group, ErrorCode::NotFound);
  if (!group) return group.error();
  const auto* now = group->find(volume.name);
  if (now == nullptr) return Error(ErrorCode::Unavailable, fmt::format("{} has gone meanwhile", volume.full));
  return *now;
}

Answer LvmProvisioner::provision(const ProvisionJob& job) {
  const auto volume = volume_of(job);
  if (!volume) return volume.error();
  const auto& parameters = volume->parameters;
  const auto lock = take_lock("lvm", volume->full);
  if (!lock) return lock.error();
  const auto group = look_at(parameters.group, ErrorCode::NotFound);
  if (!group) return group.error();
  const auto least = job.block ? group->group.extent : minimum_bytes(parameters.fs_type);
  const auto bytes = round_up(std::max(job.bytes, least), group->group.extent);

  const auto* there = group->find(volume->name);
  std::optional<LogicalVolume> now;
  if (there == nullptr) {
    if (auto room = check_room(parameters, *group, bytes); !room) return room.error();
    const auto claim_tag = fmt::format("berth.claim={}/{}", job.ns, job.claim);
    if (auto made = change(fmt::format("make {} ({})", volume->full, format_bytes(bytes)),
                           create_command(parameters, volume->name, claim_tag, bytes));
        !made) {
      return made.error();
    }
    auto made = look_again(*volume);
    if (!made) return made.error();
    now = *std::move(made);
  } else {
    now = *there;
  }
  if (now->has_tag(kUnfinished)) {
    if (auto finished = finish(*volume, *now); !finished) return finished.error();
  } else if (!now->is_active()) {
    if (auto active = change(fmt::format("activate {}", volume->full), {"lvchange", "-ay", "-K", volume->full});
        !active) {
      return active.error();
    }
  }
  if (now->bytes < bytes) {
    if (!now->has_tag(kOurs)) {
      return Error(ErrorCode::FailedPrecondition,
                   fmt::format("{} is there, was not made by berth, and has {}: {} asked for", volume->full,
                               format_bytes(now->bytes), format_bytes(bytes)));
    }
    if (auto extended = extend(*volume, *group, *now, bytes); !extended) return extended.error();
    auto again = look_again(*volume);
    if (!again) return again.error();
    now = *std::move(again);
  }
  if (::access(volume->path.c_str(), F_OK) != 0) {
    return Error(ErrorCode::Unavailable,
                 fmt::format("{} is there, but {} is not: does udev run?", volume->full, volume->path));
  }
  return provisioned(model::LocalSource{volume->path, job.block ? std::string() : parameters.fs_type}, now->bytes,
                     /*local=*/true);
}

Answer LvmProvisioner::expand(const ExpandJob& job) {
  const auto volume = volume_of(job);
  if (!volume) return volume.error();
  if (auto checked = check_source(job.source, *volume); !checked) return checked.error();
  const auto lock = take_lock("lvm", volume->full);
  if (!lock) return lock.error();
  const auto group = look_at(volume->parameters.group, ErrorCode::NotFound);
  if (!group) return group.error();
  const auto* there = group->find(volume->name);
  if (there == nullptr) return Error(ErrorCode::NotFound, fmt::format("there is no {}", volume->full));
  const auto bytes = round_up(job.bytes, group->group.extent);
  if (auto extended = extend(*volume, *group, *there, bytes); !extended) return extended.error();
  if (!job.block) {
    // Also when it has its size already: an earlier call may have been killed right here.
    if (auto grown = grow_if_staged(job.run_dir, job.source); !grown) return grown.error();
  }
  const auto now = look_again(*volume);
  if (!now) return now.error();
  return json::object{{"bytes", now->bytes}};
}

Answer LvmProvisioner::reclaim(const ReclaimJob& job) {
  const auto volume = volume_of(job);
  if (!volume) return volume.error();
  if (auto checked = check_source(job.source, *volume); !checked) return checked.error();
  const auto lock = take_lock("lvm", volume->full);
  if (!lock) return lock.error();
  // A group that is missing is a disk that is missing: not gone.
  const auto group = look_at(volume->parameters.group, ErrorCode::FailedPrecondition);
  if (!group) return group.error();
  const auto* there = group->find(volume->name);
  if (there == nullptr) return json::object();
  const auto refuse = [&](const std::string& why) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("{} {}: left alone", volume->full, why));
  };
  if (!there->has_tag(kOurs)) return refuse("was not made by berth");
  if (there->is_active()) {
    const auto host = look_at_host(job.run_dir);
    if (!host) return host.error();
    const auto number = block_number(volume->path);
    if (!number) return number.error();
    if (const auto users = device_users(*number, *host); !users.empty()) {
      return refuse(fmt::format("is {}", users.front()));
    }
    if (there->is_open()) return refuse("is open");
  }
  if (auto removed = change(fmt::format("remove {}", volume->full), {"lvremove", "--yes", volume->full}); !removed) {
    return removed.error();
  }
  return json::object();
}

bool is_lvm_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '_' ||
           c == '.' || c == '-';
  };
  return !name.empty() && name.front() != '-' && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), good);
}

}  // namespace

Result<LvmParameters> lvm_parameters(const model::StringMap& parameters) {
  constexpr int kMostStripes = 128;  // lvm2's own limit
  ParameterReader reader(parameters);
  LvmParameters read;
  read.group = reader.required("volumeGroup");
  if (!read.group.empty() && !is_lvm_name(read.group)) {
    reader.fail("volumeGroup", fmt::format("\"{}\": not a volume group's name", read.group));
  }
  read.thin_pool = reader.text("thinPool");
  if (reader.has("thinPool") && !is_lvm_name(read.thin_pool)) {
    reader.fail("thinPool", fmt::format("\"{}\": not a logical volume's name", read.thin_pool));
  }
  read.fs_type = reader.fs_type();
  read.stripes = static_cast<int>(reader.number("stripes", 1, kMostStripes, 1));
  read.overcommit = reader.flag("overcommit");
  if (read.stripes > 1 && !read.thin_pool.empty()) reader.fail("stripes", "the thin pool has its own");
  if (read.overcommit && read.thin_pool.empty()) reader.fail("overcommit", "only a thinPool can be");
  return reader.take(std::move(read));
}

Result<std::string> volume_name(const std::string& group, const std::string& ns, const std::string& claim) {
  constexpr std::size_t kLongest = 127;  // DM_NAME_LEN, with its NUL
  if (auto checked = check_name("namespace", ns); !checked) return checked.error();
  if (auto checked = check_name("claim", claim); !checked) return checked.error();
  auto name = fmt::format("{}.{}", ns, claim);
  for (const std::string_view reserved : {"snapshot", "pvmove"}) {
    if (name.starts_with(reserved)) {
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("namespace \"{}\": lvm2 reserves names that begin with {}", ns, reserved));
    }
  }
  // The device mapper's name is GROUP-NAME with every '-' doubled.
  const auto dashes = std::count(name.begin(), name.end(), '-') + std::count(group.begin(), group.end(), '-');
  const auto mapped = group.size() + 1 + name.size() + static_cast<std::size_t>(dashes);
  if (mapped > kLongest) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("logical volume {}/{}: with every '-' counted twice {} letters, and {} is the most", group,
                             name, mapped, kLongest));
  }
  return name;
}

std::vector<std::string> create_command(const LvmParameters& parameters, const std::string& name,
                                        const std::string& claim_tag, std::int64_t bytes) {
  std::vector<std::string> words = {"lvcreate", "--yes",  "--quiet",  "--wipesignatures", "y",
                                    "--addtag", kOurs,    "--addtag", kUnfinished,        "--addtag",
                                    claim_tag,  "--name", name};
  const auto size = fmt::format("{}b", bytes);
  if (parameters.thin_pool.empty()) {
    words.insert(words.end(), {"--size", size});
    if (parameters.stripes > 1) words.insert(words.end(), {"--stripes", fmt::format("{}", parameters.stripes)});
    words.push_back(parameters.group);
  } else {
    words.insert(words.end(), {"--virtualsize", size, "--thinpool", parameters.thin_pool, parameters.group});
  }
  return words;
}

std::unique_ptr<Provisioner> make_lvm_provisioner() { return std::make_unique<LvmProvisioner>(); }

}  // namespace berth::volumes::helper
