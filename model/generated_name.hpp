// model/generated_name.hpp - names that the server makes up: "agent-" becomes "agent-x7k2p".
#pragma once

#include <string>
#include <string_view>

namespace berth::model {

/// No vowels and no look-alikes: what Kubernetes makes generated names of, and hashes in names.
inline constexpr std::string_view kNameLetters = "bcdfghjklmnpqrstvwxz2456789";

/// "agent-" and "x7k2p": cut before the letters so that the name has 63 characters at most.
std::string suffixed_name(std::string_view prefix, std::string_view letters);

/// metadata.generateName with five letters, cut before them so that the name has 63 characters at most, as Kubernetes
/// does it. Another one each time (base/random); whether somebody has it already only the store knows. Any thread.
std::string generated_name(std::string_view prefix);

}  // namespace berth::model
