// runtime/container_id.cpp - the name of one run of one container.
#include <fmt/format.h>

#include "base/sha256.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxId = 76;     // containerd's identifiers.Validate
constexpr std::size_t kKeptName = 16;  // of a name that has to be shortened

/// Eight hexadecimal digits that differ where names differ.
std::string short_hash(const std::string& text) { return sha256_hex(text).substr(0, 8); }

}  // namespace

std::string container_id(const std::string& pod_uid, const std::string& container, std::uint32_t attempt) {
  auto id = fmt::format("{}-{}-{}", pod_uid, container, attempt);
  // containerd takes single separators between letters and digits only; Kubernetes also allows "a--b".
  if (id.size() <= kMaxId && container.find("--") == std::string::npos) return id;
  auto kept = container.substr(0, std::min(container.find("--"), kKeptName));
  while (!kept.empty() && kept.back() == '-') kept.pop_back();
  return fmt::format("{}-{}-{}-{}", pod_uid, kept, short_hash(container), attempt);
}

std::string pod_uid_of(std::string_view container_id) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx-";
  if (container_id.size() < kShape.size()) return {};
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const auto c = container_id[i];
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (kShape[i] == 'x' ? !digit : c != '-') return {};
  }
  return std::string(container_id.substr(0, kShape.size() - 1));
}

}  // namespace berth::runtime
