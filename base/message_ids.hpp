// base/message_ids.hpp - which messages of the journal have a number that stays when their words change.
#pragma once

#include <string_view>

namespace berth {

/// MESSAGE_ID of the journal entry for what log() was given, see systemd.journal-fields(7); empty: it has none. What it
/// means is in systemd/berth.catalog (journalctl -x). A message whose words change keeps its number; one that is no
/// more keeps it, too: it is not given to another.
std::string_view message_id(std::string_view message);

}  // namespace berth
