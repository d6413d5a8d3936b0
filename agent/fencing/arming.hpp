// agent/fencing/arming.hpp - may others count on our fence? What is to be written of it to the Node. Pure.
#pragma once

#include <cstdint>

namespace berth::agent {

struct ArmingFacts {
  bool wanted = false;          ///< cluster.fencing, and we are not about to stop.
  bool fence_answers = false;   ///< berth-fence lives, and reads what we write.
  bool holds = false;           ///< Our session surely does.
  std::uint64_t session = 0;    ///< Its number.
  std::uint64_t armed_for = 0;  ///< The session for which the Node was written last; 0: none.
  bool node_is_known = false;   ///< It is stored.
  bool node_says_armed = false;
};

enum class ArmingStep {
  Nothing,
  Arm,    ///< Written before the first fenced pod starts, and anew for each session.
  Disarm  ///< Nobody is to count on it. Running pods run on.
};

/// Each session arms anew, with another word than before: who is about to take our fenced pods away, as our last
/// session was gone, does so only while the Node is what it was (silence_controller).
inline ArmingStep next_step(const ArmingFacts& facts) {
  if (!facts.node_is_known) return ArmingStep::Nothing;
  if (!facts.wanted || !facts.fence_answers) {
    return facts.node_says_armed ? ArmingStep::Disarm : ArmingStep::Nothing;
  }
  if (!facts.holds) return ArmingStep::Nothing;
  return facts.armed_for == facts.session && facts.node_says_armed ? ArmingStep::Nothing : ArmingStep::Arm;
}

}  // namespace berth::agent
