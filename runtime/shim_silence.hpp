// runtime/shim_silence.hpp - which pods' shims answer nothing, and since when, as those who asked them met it.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// Nobody is asked for this: a pass that met a silent shim is tried again soon, and so is the one after it. The
/// containers of a pod share a shim. Any thread.
class ShimSilence {
 public:
  /// The kubelet's threshold for "PLEG is not healthy".
  static constexpr std::chrono::minutes kLongest{3};

  /// A call that a shim has to answer began and ended then. Whatever containerd said of it is an answer, but that the
  /// shim gave none.
  void asked(const std::string& container, SteadyTime begun, SteadyTime ended, WallTime wall, bool is_answered);
  /// There is nobody to ask any more.
  void forget(const std::string& container);
  /// containerd itself did not answer: whose silence it was is not known of any call.
  void forget_all();

  /// Those that were asked again after kLongest, and had answered nothing in between; by uid.
  std::vector<SilentShim> silent() const;

 private:
  struct Silence {
    SteadyTime first;  ///< When the first call began that was not answered.
    SteadyTime last;   ///< When the newest ended.
    WallTime since;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Silence> by_pod_;
};

}  // namespace berth::runtime
