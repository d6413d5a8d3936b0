// volumes/volume_job.cpp - see volume_job.hpp.
#include "volumes/volume_job.hpp"

#include <fmt/format.h>

#include <type_traits>

#include "base/sha256.hpp"
#include "model/reader.hpp"

namespace berth::volumes {
namespace {

json::array to_array(const std::vector<std::string>& texts) {
  json::array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

json::object to_object(const model::StringMap& map) {
  json::object object;
  for (const auto& [key, value] : map) object[key] = value;
  return object;
}

json::object encode_volume(const DiskVolume& volume) {
  return {{"name", volume.name},
          {"source", model::encode_source(volume.source)},
          {"mountOptions", to_array(volume.mount_options)},
          {"readOnly", volume.read_only},
          {"block", volume.block},
          {"secret", to_object(volume.secret)},
          {"holder", volume.holder},
          {"heldUntil", volume.held_until.count()}};
}

/// Reads one job: model::Reader notes what is wrong, `take` gives the first of it as an error.
class JobReader {
 public:
  explicit JobReader(const json::object& document) : reader(document, "job", issues_) {}

  model::PersistentSource source(const model::Reader& from) {
    const auto spec = from.child("source");
    if (!spec.present()) return model::UnsupportedSource{};
    auto decoded = model::decode_source(*spec.raw());
    if (decoded) return *std::move(decoded);
    from.fail("source", decoded.error().message());
    return model::UnsupportedSource{};
  }
  DiskVolume volume(const model::Reader& from) {
    return {.name = from.text("name"),
            .source = source(from),
            .mount_options = from.texts("mountOptions"),
            .read_only = from.flag("readOnly"),
            .block = from.flag("block"),
            .secret = from.text_map("secret"),
            .holder = from.text("holder"),
            .held_until = BootTime(from.integer("heldUntil"))};
  }
  template <typename Job>
  Result<Job> take(Job job) {
    return model::unless_issues(std::move(job), issues_);
  }

 private:
  model::Issues issues_;

 public:
  model::Reader reader;
};

/// What every job of a provisioner says: whose claim it is, and where.
template <typename Job>
json::object encode_claim_job(std::string_view verb, const Job& job) {
  return {{"verb", verb},
          {"provisioner", job.provisioner},
          {"parameters", to_object(job.parameters)},
          {"namespace", job.ns},
          {"claim", job.claim},
          {"runDir", job.run_dir.string()},
          {"stateDir", job.state_dir.string()}};
}

template <typename Job>
Job read_claim_job(const JobReader& job) {
  Job out;
  out.provisioner = job.reader.text("provisioner");
  out.parameters = job.reader.text_map("parameters");
  out.ns = job.reader.text("namespace");
  out.claim = job.reader.text("claim");
  out.run_dir = job.reader.text("runDir");
  out.state_dir = job.reader.text("stateDir");
  return out;
}

/// The host of a portal, its port made explicit (3260, RFC 7143).
std::string with_port(const std::string& portal) {
  const auto colon = portal.rfind(':');
  const auto bracket = portal.rfind(']');
  const auto has_port =
      colon != std::string::npos && (bracket == std::string::npos ? portal.find(':') == colon : colon > bracket);
  return has_port ? portal : fmt::format("{}:3260", portal);
}

}  // namespace

std::string volume_key(const DiskVolume& volume) {
  auto source = volume.source;
  // What a user may say differently of the same device must not make two of it.
  std::visit(
      [](auto& kind) {
        using Kind = std::decay_t<decltype(kind)>;
        if constexpr (!std::is_same_v<Kind, model::HostPathSource> && !std::is_same_v<Kind, model::LocalSource> &&
                      !std::is_same_v<Kind, model::UnsupportedSource>) {
          kind.read_only = false;
        }
        if constexpr (std::is_same_v<Kind, model::IscsiSource>) {
          kind = {.target_portal = with_port(kind.target_portal),
                  .portals = {},
                  .iqn = kind.iqn,
                  .lun = kind.lun,
                  .iface = kind.iface,
                  .initiator_name = kind.initiator_name,
                  .fs_type = {},
                  .read_only = false,
                  .chap_discovery = false,
                  .chap_session = false,
                  .secret_name = {},
                  .secret_ns = {}};
        } else if constexpr (std::is_same_v<Kind, model::FcSource> || std::is_same_v<Kind, model::CloudDiskSource> ||
                             std::is_same_v<Kind, model::LocalSource>) {
          kind.fs_type.clear();
        }
      },
      source);
  const auto encoded = model::encode_source(source);
  const auto kind = encoded.empty() ? std::string() : std::string(encoded.begin()->key());
  std::string word;
  for (const auto letter : kind) {
    if (letter >= 'a' && letter <= 'z') word += letter;
  }
  return fmt::format("{}-{}", word, sha256_hex(json::serialize(encoded)).substr(0, 16));
}

std::string peer_of(const DiskVolume& volume) {
  if (const auto* nfs = std::get_if<model::NfsSource>(&volume.source)) return fmt::format("server {}", nfs->server);
  if (const auto* iscsi = std::get_if<model::IscsiSource>(&volume.source)) {
    return fmt::format("portal {}", with_port(iscsi->target_portal));
  }
  if (const auto* local = std::get_if<model::LocalSource>(&volume.source)) return fmt::format("disk {}", local->path);
  if (const auto* cloud = std::get_if<model::CloudDiskSource>(&volume.source)) {
    return fmt::format("{} {}", cloud->kind, cloud->id);
  }
  if (const auto* fc = std::get_if<model::FcSource>(&volume.source)) {
    if (!fc->wwids.empty()) return fmt::format("disk {}", fc->wwids.front());
    if (!fc->target_wwns.empty()) return fmt::format("target {}", fc->target_wwns.front());
  }
  return "disk";
}

Status surely_held(const DiskVolume& volume, BootTime now) {
  if (volume.holder.empty() || now < volume.held_until) return Ok{};
  return Error(ErrorCode::Unavailable,
               fmt::format("{} may be another host's by now: the session of {} is not known to hold any more",
                           volume.name, volume.holder));
}

std::filesystem::path stage_dir(const std::filesystem::path& run_dir, const std::string& key) {
  return run_dir / "staged" / key;
}

json::object encode(const PublishJob& job) {
  json::object document = {{"verb", "publish"},
                           {"volume", encode_volume(job.volume)},
                           {"runDir", job.run_dir.string()},
                           {"target", job.target.string()},
                           {"selinuxLabel", job.selinux_label}};
  if (job.group) document["group"] = {{"gid", job.group->gid}, {"onRootMismatch", job.group->only_on_root_mismatch}};
  return document;
}

Result<PublishJob> decode_publish(const json::object& document) {
  JobReader job(document);
  PublishJob publish{.volume = job.volume(job.reader.child("volume")),
                     .run_dir = job.reader.text("runDir"),
                     .target = job.reader.text("target"),
                     .group = {},
                     .selinux_label = job.reader.text("selinuxLabel")};
  if (const auto group = job.reader.child("group"); group.present()) {
    publish.group = GroupOwner{.gid = static_cast<gid_t>(group.integer("gid")),
                               .only_on_root_mismatch = group.flag("onRootMismatch")};
  }
  return job.take(std::move(publish));
}

json::object encode(const UnpublishJob& job) {
  json::array directories;
  for (const auto& directory : job.directories) directories.emplace_back(directory.string());
  return {{"verb", "unpublish"}, {"runDir", job.run_dir.string()}, {"directories", std::move(directories)}};
}

Result<UnpublishJob> decode_unpublish(const json::object& document) {
  JobReader job(document);
  UnpublishJob unpublish{.run_dir = job.reader.text("runDir"), .directories = {}};
  for (const auto& directory : job.reader.texts("directories")) unpublish.directories.emplace_back(directory);
  return job.take(std::move(unpublish));
}

json::object encode(const CheckJob& job) { return {{"verb", "check"}, {"target", job.target.string()}}; }

Result<CheckJob> decode_check(const json::object& document) {
  JobReader job(document);
  return job.take(CheckJob{.target = job.reader.text("target")});
}

json::object encode(const SubPathJob& job) {
  return {{"verb", "sub-path"},
          {"runDir", job.run_dir.string()},
          {"stateDir", job.state_dir.string()},
          {"podUid", job.pod_uid},
          {"container", job.container},
          {"mountIndex", job.mount_index},
          {"volume", job.volume.string()},
          {"subPath", job.sub_path}};
}

Result<SubPathJob> decode_sub_path(const json::object& document) {
  JobReader job(document);
  return job.take(SubPathJob{.run_dir = job.reader.text("runDir"),
                             .state_dir = job.reader.text("stateDir"),
                             .pod_uid = job.reader.text("podUid"),
                             .container = job.reader.text("container"),
                             .mount_index = job.reader.int32("mountIndex"),
                             .volume = job.reader.text("volume"),
                             .sub_path = job.reader.text("subPath")});
}

json::object encode(const ProvisionJob& job) {
  json::array taken;
  for (const auto& source : job.taken) taken.emplace_back(json::object{{"source", model::encode_source(source)}});
  auto out = encode_claim_job("provision", job);
  out["mountOptions"] = to_array(job.mount_options);
  out["bytes"] = job.bytes;
  out["block"] = job.block;
  out["taken"] = std::move(taken);
  out["secret"] = to_object(job.secret);
  out["until"] = job.until.count();
  return out;
}

Result<ProvisionJob> decode_provision(const json::object& document) {
  JobReader job(document);
  auto provision = read_claim_job<ProvisionJob>(job);
  provision.mount_options = job.reader.texts("mountOptions");
  provision.bytes = job.reader.integer("bytes");
  provision.block = job.reader.flag("block");
  provision.secret = job.reader.text_map("secret");
  provision.until = BootTime(job.reader.integer("until"));
  for (const auto& entry : job.reader.children("taken")) provision.taken.push_back(job.source(entry));
  return job.take(std::move(provision));
}

json::object encode(const ExpandJob& job) {
  auto out = encode_claim_job("expand", job);
  out["source"] = model::encode_source(job.source);
  out["bytes"] = job.bytes;
  out["block"] = job.block;
  return out;
}

Result<ExpandJob> decode_expand(const json::object& document) {
  JobReader job(document);
  auto expand = read_claim_job<ExpandJob>(job);
  expand.source = job.source(job.reader);
  expand.bytes = job.reader.integer("bytes");
  expand.block = job.reader.flag("block");
  return job.take(std::move(expand));
}

json::object encode(const ReclaimJob& job) {
  auto out = encode_claim_job("reclaim", job);
  out["source"] = model::encode_source(job.source);
  out["mountOptions"] = to_array(job.mount_options);
  out["secret"] = to_object(job.secret);
  out["until"] = job.until.count();
  return out;
}

Result<ReclaimJob> decode_reclaim(const json::object& document) {
  JobReader job(document);
  auto reclaim = read_claim_job<ReclaimJob>(job);
  reclaim.source = job.source(job.reader);
  reclaim.mount_options = job.reader.texts("mountOptions");
  reclaim.secret = job.reader.text_map("secret");
  reclaim.until = BootTime(job.reader.integer("until"));
  return job.take(std::move(reclaim));
}

Result<Provisioned> decode_provisioned(const json::object& answer) {
  JobReader from(answer);
  Provisioned made{
      .source = from.source(from.reader), .bytes = from.reader.integer("bytes"), .local = from.reader.flag("local")};
  auto checked = from.take(std::move(made));
  if (!checked) return Error(ErrorCode::Internal, "berth-volume answered: " + checked.error().message());
  return checked;
}

}  // namespace berth::volumes
