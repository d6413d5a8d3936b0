// cli/backup_file.hpp - is a copy of the store whole? Told by its own head. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace berth::cli {

/// The size of an SQLite file's head; see "The Database Header" in https://www.sqlite.org/fileformat.html.
constexpr std::size_t kDatabaseHead = 100;

/// How many bytes a database that begins so has: its pages. 0: it is none.
std::uint64_t database_size(std::string_view head);

}  // namespace berth::cli
