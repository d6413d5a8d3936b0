// network/nft.hpp - libnftables(3): texts applied in one transaction, and the question whether a table is there.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::network {

/// libnftables keeps process-wide state (its interface name cache): one caller at a time, whatever the context.
std::mutex& nft_mutex();

/// Applies `commands` (nft(8)'s words) whole or not at all. The caller holds nft_mutex(). Errors: PermissionDenied,
/// Unimplemented (this kernel has no nftables), Unknown with nft's own words.
Status run_nft(const std::string& commands, std::string_view doing);

/// Is the table of family ip there? One small question to the kernel, without libnftables.
Result<bool> nft_table_present(const std::string& table);

}  // namespace berth::network
