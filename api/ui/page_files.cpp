// api/ui/page_files.cpp - see page_files.hpp.
#include "api/ui/page_files.hpp"

#include <algorithm>
#include <array>
#include <system_error>

namespace berth::api {

namespace {

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kScript = "text/javascript; charset=utf-8";
constexpr std::string_view kStyle = "text/css; charset=utf-8";

constexpr std::array kFiles{
    PageFile{"index.html", kHtml},     PageFile{"page.css", kStyle},   PageFile{"page.js", kScript},
    PageFile{"agent.js", kScript},     PageFile{"berths.js", kScript}, PageFile{"chart.js", kScript},
    PageFile{"events.js", kScript},    PageFile{"host.js", kScript},   PageFile{"harbour.js", kScript},
    PageFile{"pod_panel.js", kScript}, PageFile{"words.js", kScript},  PageFile{"icon.svg", "image/svg+xml"},
};

}  // namespace

const PageFile* page_file(std::string_view name) {
  if (name.empty()) name = "index.html";
  const auto* found = std::find_if(kFiles.begin(), kFiles.end(), [&](const auto& file) { return file.name == name; });
  return found == kFiles.end() ? nullptr : found;
}

std::filesystem::path page_directory() {
  std::error_code error;
  const auto programs = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  auto beside = programs / "berth-ui";
  if (std::filesystem::is_directory(beside, error)) return beside;
  return programs.parent_path() / "share" / "berth" / "ui";
}

}  // namespace berth::api
