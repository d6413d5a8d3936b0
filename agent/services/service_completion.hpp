// agent/services/service_completion.hpp - gives each stored Service its address and node ports, in the write itself.
#pragma once

#include "model/service_addresses.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// For StoreLimits::complete: whoever writes a Service (API, files, ourselves), it is stored with what it needs, or
/// refused because what it chose is taken.
store::Completion service_completion(const model::ServiceRange& range);

}  // namespace berth::agent
