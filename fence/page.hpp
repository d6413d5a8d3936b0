// fence/page.hpp - front door: the files through which an agent tells berth-fence until when, and berth-fence answers.
//
//   RUN_DIR/fence.orders   the agent writes it: a Page
//   RUN_DIR/fence.state    berth-fence writes it, and holds a lock on it (fcntl(2)) for as long as it lives: a State
//
// Both are on tmpfs: they end with the boot, as do all pods.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/boot_time.hpp"

namespace berth::fence {

/// Not armed: nothing is ever killed.
inline constexpr BootTime kNever = BootTime::max();

inline constexpr std::size_t kMaxPods = 128;  ///< A node has 110.

/// What berth-fence may need to kill all of a pod and to take its storage away, at most: the agent ends its deadline
/// this much before others can count the host as gone.
inline constexpr std::chrono::seconds kTimeToKill{3};
/// A deadline further ahead is no agent's: a session lasts a minute at the most.
inline constexpr std::chrono::seconds kFurthest{120};

/// A pod that is never to run longer than the deadline.
struct FencedPod {
  std::string uid;
  std::string cgroup;  ///< "/berth-pods/burstable/pod<uid>": the same in every hierarchy.
  std::uint64_t admission =
      0;  ///< The generation that last let it start. One that was killed stays down until another.
  bool operator==(const FencedPod&) const = default;
};

/// All that an agent says. Each time as a whole.
struct Orders {
  std::uint64_t generation = 0;  ///< Grows with each.
  BootTime deadline = kNever;
  std::vector<FencedPod> pods;  ///< kMaxPods at most.
  bool operator==(const Orders&) const = default;
};

/// Fixed sizes, this host's byte order, zeros behind each text.
struct PodEntry {
  std::array<char, 64> uid;
  std::array<char, 192> cgroup;
  std::uint64_t admission;
};
struct Slot {
  std::uint64_t generation;  ///< 0: never written.
  std::int64_t deadline;
  std::uint64_t count;
  std::array<PodEntry, kMaxPods> pods;
  std::uint64_t checksum;  ///< FNV-1a of all before it.
};
/// Two slots, written in turn: an agent that is stopped or killed in the middle of one leaves the other as it was.
struct Page {
  std::array<char, 8> magic;
  std::uint64_t version;
  std::array<Slot, 2> slots;
};

/// What berth-fence answers.
struct State {
  std::array<char, 8> magic;
  std::uint64_t version;
  std::uint64_t acknowledged;  ///< It has read this generation, and acts by it.
  std::uint64_t fired;         ///< The last generation under which it killed; 0: none.
  std::uint64_t checksum;
};

std::filesystem::path orders_file(const std::filesystem::path& run_dir);
std::filesystem::path state_file(const std::filesystem::path& run_dir);

/// May it be killed by these words? A cgroup that is a pod's, not one above.
bool is_plausible(const FencedPod& pod);

/// An empty page.
Page make_page();
/// Which of the slots these orders go to.
std::size_t slot_of(const Orders& orders);
/// `orders` as they are written. They must be plausible and of kMaxPods at most.
Slot make_slot(const Orders& orders);

struct Reading {
  std::optional<Orders> orders;  ///< The newest that are whole and plausible.
  bool torn = false;             ///< A slot is not: it may be that it is being written right now.
};
/// Pure. `now` judges deadlines.
Reading read_page(const Page& page, BootTime now);

State make_state(std::uint64_t acknowledged, std::uint64_t fired);
/// None: it is not whole, or of another version.
std::optional<State> read_state(const State& state);

}  // namespace berth::fence
