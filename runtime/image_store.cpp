// runtime/image_store.cpp - see image_store.hpp.
#include "runtime/image_store.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/image_reference.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kKept = 64;
constexpr std::size_t kMaxDocument = 4 * 1024 * 1024;  // registries refuse larger manifests
constexpr int kMaxDepth = 3;                           // an index may point to an index

}  // namespace

Result<LocalImage> ImageStore::find(const std::string& reference) {
  auto record = find_record(reference);
  if (!record) return record.error();
  auto config = config_of(record->target);
  if (!config) return config.error().context("image " + record->name);
  return LocalImage{record->name, record->target.digest, *std::move(config)};
}

Result<ImageRecord> ImageStore::find_record(const std::string& reference) {
  if (is_image_id(reference)) return client_.image(reference);  // CRI records each image under its id, too
  const auto parsed = parse_image_reference(reference);
  if (!parsed) return parsed.error();
  auto record = client_.image(parsed->name());
  if (record || parsed->digest.empty() || !failed_with(record, ErrorCode::NotFound)) return record;
  // Asked by digest, but recorded under a tag (an import, or a pull of the tag): any record of that repository will do.
  const auto same_content = client_.images(fmt::format("target.digest=={}", parsed->digest));
  if (!same_content) return same_content.error();
  const auto repository = fmt::format("{}/{}", parsed->domain, parsed->repository);
  for (const auto& candidate : *same_content) {
    const auto other = parse_image_reference(candidate.name);
    if (!other || fmt::format("{}/{}", other->domain, other->repository) != repository) continue;
    return ImageRecord{parsed->name(), candidate.target};
  }
  return record;
}

Result<std::shared_ptr<const ImageConfig>> ImageStore::config_of(const Descriptor& target) {
  {
    const std::scoped_lock lock(mutex_);
    const auto hit =
        std::find_if(recent_.begin(), recent_.end(), [&](const auto& entry) { return entry.first == target.digest; });
    if (hit != recent_.end()) {
      recent_.splice(recent_.begin(), recent_, hit);
      return hit->second;
    }
  }
  auto config = read_config(target);
  if (!config) return config.error();
  auto shared = std::make_shared<const ImageConfig>(*std::move(config));
  const std::scoped_lock lock(mutex_);
  recent_.emplace_front(target.digest, shared);
  if (recent_.size() > kKept) recent_.pop_back();
  return std::shared_ptr<const ImageConfig>(std::move(shared));
}

Result<ImageConfig> ImageStore::read_config(const Descriptor& target) {
  std::vector<std::string> candidates{target.digest};
  std::uint64_t bytes = 0;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    std::uint64_t document_bytes = 0;
    Result<ImageDocument> document = Error(ErrorCode::NotFound, "the index names no manifest");
    for (const auto& digest : candidates) {
      const auto text = client_.read_content(digest, kMaxDocument);
      // An index lists variants that were never downloaded: take the next one that fits.
      if (text) document_bytes = text->size();
      document = text ? parse_image_document(*text, platform_) : Result<ImageDocument>(text.error());
      if (document || !failed_with(document, ErrorCode::NotFound)) break;
    }
    if (!document) return document.error();
    bytes += document_bytes + document->bytes;
    if (!document->config.empty()) {
      const auto text = client_.read_content(document->config, kMaxDocument);
      if (!text) return text.error();
      auto config = parse_image_config(*text);
      if (config) config->bytes = bytes;
      return config;
    }
    candidates = std::move(document->manifests);
  }
  return Error(ErrorCode::InvalidArgument, "read image: indexes nested too deeply");
}

}  // namespace berth::runtime
