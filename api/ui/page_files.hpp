// api/ui/page_files.hpp - which files the dashboard consists of, and where they are.
#pragma once

#include <filesystem>
#include <string_view>

namespace berth::api {

struct PageFile {
  std::string_view name;
  std::string_view content_type;
};

/// The file that is served as /ui/NAME, "" being the page itself; null when it is none of ours. A name that is not in
/// the table reaches no disk. Pure.
const PageFile* page_file(std::string_view name);

/// berth-ui beside the program, as a build has it, else ../share/berth/ui, as a package has it.
std::filesystem::path page_directory();

}  // namespace berth::api
