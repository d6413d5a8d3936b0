// agent/pods/image_words.hpp - what is told of images, in the kubelet's words. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace berth::agent {

/// How long a pull took, and how much came.
struct PullEffort {
  std::chrono::milliseconds took{0};    ///< The pull itself.
  std::chrono::milliseconds waited{0};  ///< From when it was asked for.
  std::uint64_t bytes = 0;              ///< Of the image, compressed; 0: not known.
};

/// "Successfully pulled image "x" in 8.658s (9.2s including waiting). Image size: 61822408 bytes."
std::string pulled_text(const std::string& image, const PullEffort& effort);

/// "Container image "x" already present on machine"
std::string present_text(const std::string& image);

/// "Back-off pulling image "x""
std::string pull_back_off_text(const std::string& image);

/// A duration as Go prints it: "0s", "658ms", "8.6s", "1m8.658s", "2h0m0s".
std::string go_duration(std::chrono::milliseconds time);

}  // namespace berth::agent
