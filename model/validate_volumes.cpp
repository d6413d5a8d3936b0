// model/validate_volumes.cpp - the volumes of a pod: names and sources.
#include <fmt/format.h>

#include "model/names.hpp"
#include "model/schema.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

constexpr std::int64_t kMostMode = 0777;

void check_mode(const Reader& from, std::string_view name) {
  const auto mode = from.maybe_integer(name);
  if (mode && (*mode < 0 || *mode > kMostMode)) {
    from.fail(name,
              fmt::format("invalid value: {}: must be a number between 0 and 0777 (octal), both inclusive", *mode));
  }
}

void check_relative_file(const Reader& from, std::string_view name) {
  if (!require_text(from, name)) return;
  const auto path = from.text(name);
  auto why = relative_path_error(path);
  if (why.empty() && path.starts_with("..")) why = "must not start with '..'";
  if (!why.empty()) from.fail(name, invalid(path, why));
}

void check_items(const Reader& source) {
  for (const auto& item : source.children("items")) {
    require_text(item, "key");
    check_relative_file(item, "path");
    check_mode(item, "mode");
  }
}

void check_downward(const Reader& source) {
  for (const auto& item : source.children("items")) {
    check_relative_file(item, "path");
    check_mode(item, "mode");
    if (item.has("fieldRef") == item.has("resourceFieldRef")) {
      item.fail("", "required: exactly one of fieldRef and resourceFieldRef");
    }
    check_field_ref(item, FieldUse::File);
    check_resource_ref(item, FieldUse::File);
  }
}

void check_projected(const Reader& projected) {
  check_mode(projected, "defaultMode");
  for (const auto& source : projected.children("sources")) {
    if (source.present() && source.raw()->size() > 1)
      source.fail("", "forbidden: may not specify more than 1 volume type");
    for (const auto* name : {"configMap", "secret"}) {
      if (const auto from = source.child(name); from.present()) {
        require_text(from, "name");
        check_items(from);
      }
    }
    check_downward(source.child("downwardAPI"));
    if (const auto token = source.child("serviceAccountToken"); token.present()) {
      check_relative_file(token, "path");
      constexpr std::int64_t kLeast = 600;
      constexpr std::int64_t kMost = std::int64_t{1} << 32;
      const auto seconds = token.maybe_integer("expirationSeconds");
      if (seconds && *seconds < kLeast) {
        token.fail("expirationSeconds",
                   fmt::format("invalid value: {}: may not specify a duration less than 10 minutes", *seconds));
      }
      if (seconds && *seconds > kMost) {
        token.fail("expirationSeconds",
                   fmt::format("invalid value: {}: may not specify a duration larger than 2^32 seconds", *seconds));
      }
    }
  }
}

void check_source(const Reader& volume) {
  if (const auto from = volume.child("emptyDir"); from.present()) {
    check_choice(from, "medium", {"", "Memory"});
    if (from.quantity("sizeLimit") < Quantity()) {
      from.fail("sizeLimit",
                invalid(from.quantity("sizeLimit").text(), "SizeLimit field must be a valid resource quantity"));
    }
  }
  if (const auto from = volume.child("configMap"); from.present()) {
    require_text(from, "name");
    check_mode(from, "defaultMode");
    check_items(from);
  }
  if (const auto from = volume.child("secret"); from.present()) {
    require_text(from, "secretName");
    check_mode(from, "defaultMode");
    check_items(from);
  }
  if (const auto from = volume.child("downwardAPI"); from.present()) {
    check_mode(from, "defaultMode");
    check_downward(from);
  }
  if (const auto from = volume.child("projected"); from.present()) check_projected(from);
  if (const auto from = volume.child("persistentVolumeClaim"); from.present()) require_text(from, "claimName");
  check_shared_sources(volume, /*volume_name=*/{});
  check_foreign_sources(volume);
}

}  // namespace

void check_volumes(const Reader& pod_spec, const std::set<std::string>& replaced, VolumeNames& names) {
  std::set<std::string> own;
  for (const auto& volume : pod_spec.children("volumes")) {
    if (!volume.present()) continue;
    if (require_text(volume, "name")) {
      check_text(volume, "name", dns_label_error);
      check_unique(volume, "name", volume.text("name"), own);
    }
    if (replaced.contains(volume.text("name"))) continue;
    std::size_t sources = 0;
    for (const auto& entry : *volume.raw()) {
      const std::string_view key(entry.key().data(), entry.key().size());
      if (!is_volume_source(key) || entry.value().is_null()) continue;
      if (!entry.value().is_object())
        volume.fail(key, fmt::format("expected a mapping, found {}", describe(entry.value())));
      if (++sources > 1) volume.fail(key, "forbidden: may not specify more than 1 volume type");
    }
    if (sources == 0) volume.fail("", "required: must specify a volume type");
    check_source(volume);
    names[volume.text("name")] = volume.has("persistentVolumeClaim");
  }
}

}  // namespace berth::model
