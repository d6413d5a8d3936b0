// runtime/logs/log_owner.cpp - see log_owner.hpp.
#include "runtime/logs/log_owner.hpp"

#include "base/atomic_file.hpp"

namespace berth::runtime {
namespace {

constexpr std::string_view kGone = "gone\n";

}  // namespace

LogOwner read_log_owner(const std::filesystem::path& pod_folder) {
  const auto text = read_file(pod_folder / kLogOwnerFile, std::size_t{8} * 1024);
  if (!text) return {};
  const auto end = std::min(text->find('\n'), text->size());
  return {.name = text->substr(0, end), .gone = end < text->size() && std::string_view(*text).substr(end + 1) == kGone};
}

Status write_log_owner(const std::filesystem::path& pod_folder, const LogOwner& owner) {
  return write_file(pod_folder / kLogOwnerFile, owner.name + "\n" + std::string(owner.gone ? kGone : ""), 0640);
}

}  // namespace berth::runtime
