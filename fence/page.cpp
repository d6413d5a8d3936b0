// fence/page.cpp - see page.hpp.
#include "fence/page.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "base/fnv.hpp"

namespace berth::fence {
namespace {

constexpr std::array<char, 8> kOrdersMagic{'b', 'e', 'r', 't', 'h', 'F', 'O', '\n'};
constexpr std::array<char, 8> kStateMagic{'b', 'e', 'r', 't', 'h', 'F', 'S', '\n'};
constexpr std::uint64_t kVersion = 1;

static_assert(std::is_trivially_copyable_v<Page> && std::is_trivially_copyable_v<State>);
static_assert(sizeof(Slot) == 24 + kMaxPods * 264 + 8 && sizeof(Page) == 16 + 2 * sizeof(Slot), "no hidden bytes");

/// Of all of `whole` but its last member, the sum itself.
template <typename T>
std::uint64_t sum_of(const T& whole) {
  return Fnv1a().add({reinterpret_cast<const char*>(&whole), offsetof(T, checksum)}).value();
}

template <std::size_t Size>
std::array<char, Size> put(const std::string& text) {
  std::array<char, Size> out{};
  std::copy_n(text.begin(), std::min(text.size(), Size - 1), out.begin());
  return out;
}

template <std::size_t Size>
std::string take(const std::array<char, Size>& text) {
  return {text.data(), ::strnlen(text.data(), Size)};
}

std::optional<Orders> read_slot(const Slot& slot, BootTime now) {
  if (slot.checksum != sum_of(slot) || slot.count > kMaxPods) return std::nullopt;
  Orders out{.generation = slot.generation, .deadline = BootTime(slot.deadline), .pods = {}};
  if (out.deadline != kNever && out.deadline > now + kFurthest) return std::nullopt;
  out.pods.reserve(slot.count);
  for (std::size_t at = 0; at < slot.count; ++at) {
    const auto& entry = slot.pods[at];
    auto& pod = out.pods.emplace_back();
    pod = {.uid = take(entry.uid), .cgroup = take(entry.cgroup), .admission = entry.admission};
    if (!is_plausible(pod)) return std::nullopt;
  }
  return out;
}

}  // namespace

std::filesystem::path orders_file(const std::filesystem::path& run_dir) { return run_dir / "fence.orders"; }
std::filesystem::path state_file(const std::filesystem::path& run_dir) { return run_dir / "fence.state"; }

bool is_plausible(const FencedPod& pod) {
  const std::string_view cgroup = pod.cgroup;
  if (pod.uid.empty() || pod.uid.size() >= sizeof(PodEntry::uid) || cgroup.size() >= sizeof(PodEntry::cgroup)) {
    return false;
  }
  if (pod.uid.find('/') != std::string::npos || pod.uid.front() == '.') return false;
  return cgroup.starts_with('/') && cgroup.find("..") == std::string_view::npos && cgroup.ends_with("/pod" + pod.uid) &&
         cgroup.size() > pod.uid.size() + std::strlen("/pod");
}

Page make_page() {
  Page page{};
  page.magic = kOrdersMagic;
  page.version = kVersion;
  return page;
}

std::size_t slot_of(const Orders& orders) { return orders.generation % 2; }

Slot make_slot(const Orders& orders) {
  Slot slot{};
  slot.generation = orders.generation;
  slot.deadline = orders.deadline.count();
  slot.count = std::min(orders.pods.size(), kMaxPods);
  for (std::size_t at = 0; at < slot.count; ++at) {
    const auto& pod = orders.pods[at];
    slot.pods[at] = {.uid = put<sizeof(PodEntry::uid)>(pod.uid),
                     .cgroup = put<sizeof(PodEntry::cgroup)>(pod.cgroup),
                     .admission = pod.admission};
  }
  slot.checksum = sum_of(slot);
  return slot;
}

Reading read_page(const Page& page, BootTime now) {
  Reading out;
  if (page.magic != kOrdersMagic || page.version != kVersion) return out;
  for (const auto& slot : page.slots) {
    if (slot.generation == 0 && slot.checksum == 0) continue;
    auto orders = read_slot(slot, now);
    if (!orders) {
      out.torn = true;
    } else if (!out.orders || out.orders->generation < orders->generation) {
      out.orders = std::move(orders);
    }
  }
  return out;
}

State make_state(std::uint64_t acknowledged, std::uint64_t fired) {
  State state{.magic = kStateMagic, .version = kVersion, .acknowledged = acknowledged, .fired = fired, .checksum = 0};
  state.checksum = sum_of(state);
  return state;
}

std::optional<State> read_state(const State& state) {
  if (state.magic != kStateMagic || state.version != kVersion || state.checksum != sum_of(state)) return std::nullopt;
  return state;
}

}  // namespace berth::fence
