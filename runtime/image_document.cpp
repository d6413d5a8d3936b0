// runtime/image_document.cpp - see image_document.hpp.
#include "runtime/image_document.hpp"

#include <signal.h>
#include <string.h>

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/json.hpp"
#include "base/sha256.hpp"

namespace berth::runtime {
namespace {

std::string sha256(std::string_view text) { return "sha256:" + sha256_hex(text); }

std::vector<std::string> strings(const json::value& from, std::initializer_list<std::string_view> path) {
  std::vector<std::string> found;
  const auto* value = find(from, path);
  if (!value || !value->is_array()) return found;
  for (const auto& item : value->get_array()) {
    if (item.is_string()) found.emplace_back(view(item.get_string()));
  }
  return found;
}

/// Of a descriptor; 0 when it says nothing, or nonsense.
std::uint64_t size_in(const json::value* descriptor) {
  const auto* size = descriptor == nullptr ? nullptr : find(*descriptor, {"size"});
  const auto number =
      size == nullptr ? std::nullopt : (size->is_int64() ? std::optional(size->get_int64()) : std::nullopt);
  return number && *number > 0 ? static_cast<std::uint64_t>(*number) : 0;
}

/// How well a manifest's platform fits: 2 exactly, 1 good enough, 0 not at all.
int fit(const json::value& manifest, const Platform& wanted) {
  if (find_string(manifest, {"platform", "os"}) != wanted.os) return 0;
  if (find_string(manifest, {"platform", "architecture"}) != wanted.architecture) return 0;
  const auto variant = find_string(manifest, {"platform", "variant"});
  if (variant == wanted.variant) return 2;
  // arm64 is v8 when it does not say; amd64 v2 and above need processors that we do not ask for.
  if (wanted.architecture == "arm64") return variant.empty() || variant == "v8" ? 2 : 0;
  if (wanted.architecture == "amd64") return variant.empty() || variant == "v1" ? 2 : 0;
  return variant.empty() || variant <= std::string_view(wanted.variant) ? 1 : 0;
}

}  // namespace

Result<ImageDocument> parse_image_document(std::string_view text, const Platform& platform) {
  const auto parsed = parse_json(text);
  if (!parsed) return parsed.error().context("read image manifest");
  ImageDocument document;
  if (const auto* manifests = find(*parsed, {"manifests"}); manifests && manifests->is_array()) {
    for (const int wanted : {2, 1}) {
      for (const auto& manifest : manifests->get_array()) {
        if (fit(manifest, platform) == wanted) document.manifests.emplace_back(find_string(manifest, {"digest"}));
      }
    }
    if (document.manifests.empty()) {
      return Error(ErrorCode::NotFound,
                   fmt::format("the image has no variant for {}/{}", platform.os, platform.architecture));
    }
    return document;
  }
  document.config = find_string(*parsed, {"config", "digest"});
  document.bytes = size_in(find(*parsed, {"config"}));
  if (const auto* layers = find(*parsed, {"layers"}); layers != nullptr && layers->is_array()) {
    for (const auto& layer : layers->get_array()) document.bytes += size_in(&layer);
  }
  if (document.config.empty()) {
    return Error(ErrorCode::InvalidArgument, "read image manifest: neither an index nor a manifest with a config");
  }
  return document;
}

Result<ImageConfig> parse_image_config(std::string_view text) {
  const auto parsed = parse_json(text);
  if (!parsed) return parsed.error().context("read image config");
  if (!parsed->is_object()) return Error(ErrorCode::InvalidArgument, "read image config: not an object");
  ImageConfig config;
  config.entrypoint = strings(*parsed, {"config", "Entrypoint"});
  config.cmd = strings(*parsed, {"config", "Cmd"});
  config.env = strings(*parsed, {"config", "Env"});
  config.user = find_string(*parsed, {"config", "User"});
  config.working_dir = find_string(*parsed, {"config", "WorkingDir"});
  config.stop_signal = parse_signal(find_string(*parsed, {"config", "StopSignal"})).value_or(SIGTERM);
  config.chain_id = chain_id(strings(*parsed, {"rootfs", "diff_ids"}));
  return config;
}

std::optional<int> parse_signal(std::string_view text) {
  std::string name;
  for (const char c : text) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (name.starts_with("SIG")) name.erase(0, 3);
  const auto whole = [](std::string_view digits) -> std::optional<int> {
    int value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
  };
  const auto valid = [](int number) { return number > 0 && number <= SIGRTMAX ? std::optional(number) : std::nullopt; };
  if (const auto number = whole(name)) return valid(*number);
  const std::string_view view = name;
  if (view == "RTMIN") return SIGRTMIN;
  if (view == "RTMAX") return SIGRTMAX;
  if (view.starts_with("RTMIN+") || view.starts_with("RTMAX-")) {
    const auto offset = whole(view.substr(6));
    if (!offset || *offset < 0 || *offset > SIGRTMAX - SIGRTMIN) return std::nullopt;
    return view[3] == 'I' ? SIGRTMIN + *offset : SIGRTMAX - *offset;
  }
  for (int number = 1; number < SIGRTMIN; ++number) {
    const char* const known = ::sigabbrev_np(number);  // "HUP", see strsignal(3)
    if (known != nullptr && view == known) return number;
  }
  return std::nullopt;
}

std::string signal_name(int number) {
  if (number == SIGRTMIN) return "SIGRTMIN";
  if (number == SIGRTMAX) return "SIGRTMAX";
  if (number > SIGRTMIN && number < SIGRTMAX) {
    constexpr int kFromBelow = 15;  // the upper half is counted from above
    const auto up = number - SIGRTMIN;
    return up <= kFromBelow ? fmt::format("SIGRTMIN+{}", up) : fmt::format("SIGRTMAX-{}", SIGRTMAX - number);
  }
  const char* const known = ::sigabbrev_np(number);
  return known == nullptr ? std::string() : fmt::format("SIG{}", known);
}

std::string chain_id(const std::vector<std::string>& diff_ids) {
  std::string chain;
  for (const auto& diff : diff_ids) chain = chain.empty() ? diff : sha256(chain + " " + diff);
  return chain;
}

}  // namespace berth::runtime
