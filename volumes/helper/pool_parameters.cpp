// volumes/helper/pool_parameters.cpp - see pool_parameters.hpp.
#include "volumes/helper/pool_parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "volumes/helper/parameters.hpp"
#include "volumes/volume_job.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::int32_t kMostLun = 16383;
constexpr std::size_t kMostLuns = 1024;

Error bad_luns(std::string_view text) {
  return {ErrorCode::InvalidArgument,
          fmt::format("\"{}\": must be LUNs such as \"1-20\" or \"1,3,7\", from 0 to {}, at most {} of them",
                      text.substr(0, 100), kMostLun, kMostLuns)};
}

bool read_lun(std::string_view text, std::int32_t& lun) {
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, lun);
  return !text.empty() && read.ec == std::errc() && read.ptr == end && lun >= 0 && lun <= kMostLun;
}

void read_target(ParameterReader& reader, PoolParameters& read) {
  auto& target = read.target;
  target.target_portal = reader.text("iscsiTargetPortal");
  target.iqn = reader.text("iqn");
  const auto luns = reader.text("luns");
  target.portals = reader.list("portals");
  target.secret_name = reader.text("iscsiSecretName");
  target.secret_ns = reader.text("iscsiSecretNamespace");
  target.chap_session = !target.secret_name.empty();
  for (const auto* name : {"iscsiTargetPortal", "iqn", "luns", "portals", "iscsiSecretName", "iscsiSecretNamespace"}) {
    if (reader.has(name) && reader.has("match")) reader.fail(name, "cannot be beside match: disks or LUNs");
  }
  if (reader.has("match")) return;
  if (target.target_portal.empty()) {
    reader.fail("match", "must be given, or iscsiTargetPortal with iqn and luns");
    return;
  }
  if (!target.iqn.starts_with("iqn.") && !target.iqn.starts_with("eui.") && !target.iqn.starts_with("naa.")) {
    reader.fail("iqn", fmt::format("\"{}\": must be a target's name: iqn., eui. or naa.", target.iqn));
  }
  auto numbers = parse_luns(luns);
  if (numbers) {
    read.luns = *std::move(numbers);
  } else {
    reader.fail("luns", numbers.error().message());
  }
  if (!target.secret_ns.empty() && target.secret_name.empty()) {
    reader.fail("iscsiSecretNamespace", "is of use with iscsiSecretName only");
  }
}

}  // namespace

Result<PoolParameters> pool_parameters(const model::StringMap& parameters) {
  ParameterReader reader(parameters);
  PoolParameters read;
  read.match = reader.list("match");
  for (const auto& glob : read.match) {
    if (!std::filesystem::path(glob).is_absolute()) {
      reader.fail("match", fmt::format("\"{}\": must be absolute paths, with * ? and [...]", glob));
    }
  }
  if (reader.has("match") && read.match.empty()) reader.fail("match", "names no device");
  read_target(reader, read);
  read.fs_type = reader.fs_type();
  const auto wipe = reader.one_of("wipe", {"signatures", "none", "zero", "discard"});
  read.wipe = wipe == "none"      ? Wipe::None
              : wipe == "zero"    ? Wipe::Zero
              : wipe == "discard" ? Wipe::Discard
                                  : Wipe::Signatures;
  read.adopt = reader.flag("adopt");
  return reader.take(std::move(read));
}

Result<std::vector<std::int32_t>> parse_luns(std::string_view text) {
  std::vector<std::int32_t> luns;
  auto rest = text;
  while (!rest.empty()) {
    const auto part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const auto dash = part.find('-');
    std::int32_t first = 0;
    std::int32_t last = 0;
    const auto good = dash == std::string_view::npos
                          ? read_lun(part, first) && read_lun(part, last)
                          : read_lun(part.substr(0, dash), first) && read_lun(part.substr(dash + 1), last);
    if (!good || last < first) return bad_luns(text);
    for (auto lun = first; lun <= last; ++lun) {
      if (std::find(luns.begin(), luns.end(), lun) == luns.end()) luns.push_back(lun);
      if (luns.size() > kMostLuns) return bad_luns(text);
    }
  }
  return luns.empty() ? Result<std::vector<std::int32_t>>(bad_luns(text)) : luns;
}

bool same_lun(const model::IscsiSource& a, const model::IscsiSource& b) {
  const auto bare = [](const std::string& portal) {
    constexpr std::string_view kPort = ":3260";
    return portal.ends_with(kPort) ? portal.substr(0, portal.size() - kPort.size()) : portal;
  };
  return a.lun == b.lun && a.iqn == b.iqn && bare(a.target_portal) == bare(b.target_portal);
}

}  // namespace berth::volumes::helper
