// base/message_ids.cpp - see message_ids.hpp. `tests/checks/text` compares it with the messages in the code and with
// the catalog.
#include "base/message_ids.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace berth {
namespace {

using Row = std::pair<std::string_view, std::string_view>;
constexpr std::array kRows{
    Row{"ready", "4ba71ab7ac0544a5acc6be1805fdf179"},
    Row{"stopping, pods keep running", "0b8e90e9f6464d5f9ae85d0928398f9f"},
    Row{"containerd connected", "c4e08e67b822463b8e6980ee651011cb"},
    Row{"containerd is not usable, waiting", "a02bff2f31bf46afa8b58ab4d47a9a78"},
    Row{"cannot start yet, the disk is full, pods run on", "25318bf27b8849759414f6b506d002db"},
    Row{"there is room on the disk again", "87a152f460ca46febd3db70b0d99ed20"},
    Row{"the store needs somebody", "e7fb3f46c9374388967dd69a83f614dc"},
    Row{"the store was missing or empty and is new now", "9d4615766cd44f91bda536a3a434d6f9"},
    Row{"the store was made for another node", "9eb22b5a9059486a9d97fce60131d9b6"},
    Row{"a lane hangs, not feeding the watchdog", "3ddab6b5edb64e2f8d8eb596c8965f78"},
    Row{"not carried out, trying again", "3ce1b34701874c05b0cc76289bd7f38b"},
    Row{"removing what is left of a deleted pod", "0e8a1ab6642c4eb6b450d4a77def588b"},
    Row{"pod ready", "d78217876fdc43859088f20a05dbb51a"},
    Row{"pod not ready", "f094cd4b002b48c8806aab3ffd83b569"},
    Row{"event BackOff", "4a8f8e618cb248dda717f50a7dc5226e"},
    Row{"event Failed", "37c6f9aa9a1d4ac48445af0491d64484"},
    Row{"event Unhealthy", "0aa6453f95c440549031f0fbc96d793e"},
    Row{"event HeldByStranger", "e3aeb30e796349f198e62fd8bbacb7e9"},
    Row{"event ManifestError", "99359b3699404f87b85fcabd6f12bbae"},
    Row{"event LogNotStored", "060fb4dbf2e24083bde2dfc709984e97"},
    Row{"event LogLinesDropped", "ce9562fc814247bc8f3bcbb2ea20d69f"},
    Row{"collecting", "55cc5d616e7340048194cd4e28a64a15"},
    Row{"log lines not stored, trying again", "17f11a8ac4ab40ada8b8d0c191fe710c"},
    Row{"log lines are stored again", "47691992bb284feaa52b142abca8e5f5"},
    Row{"lines of a container were over the limit and not stored", "031dd09cba424f7d86d273d347ce4769"},
    Row{"the host knows the pods' names", "0c70d625eb124315a056f073ac39f6e6"},
    Row{"systemd-resolved does not take the pods' names, trying again", "979ba5b254a0441bb93f53d645ba422d"},
    Row{"not all short names are known to the host, systemd-resolved takes no more",
        "8db4a13e04cb488cb731936a228f7d5b"},
};

}  // namespace

std::string_view message_id(std::string_view message) {
  const auto* const found =
      std::find_if(kRows.begin(), kRows.end(), [&](const auto& row) { return row.first == message; });
  return found == kRows.end() ? std::string_view() : found->second;
}

}  // namespace berth
