// base/etcd_member_file.cpp - see etcd_member_file.hpp.
#include "base/etcd_member_file.hpp"

#include "base/atomic_file.hpp"
#include "base/json.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxFile = 64 * 1024;

json::array as_json(const std::vector<std::string>& texts) { return json::array(texts.begin(), texts.end()); }

}  // namespace

std::vector<std::string> read_etcd_members(const std::filesystem::path& file,
                                           const std::vector<std::string>& configured) {
  const auto text = read_file(file, kMaxFile);
  if (!text) return {};
  const auto document = parse_json(*text);
  if (!document) return {};
  const auto* of = find(*document, {"configured"});
  const auto* members = find(*document, {"members"});
  if (of == nullptr || *of != json::value(as_json(configured)) || members == nullptr || !members->is_array()) return {};
  std::vector<std::string> out;
  for (const auto& each : members->get_array()) {
    if (each.is_string()) out.emplace_back(view(each.get_string()));
  }
  return out;
}

Status write_etcd_members(const std::filesystem::path& file, const std::vector<std::string>& configured,
                          const std::vector<std::string>& members) {
  if (auto made = make_directories(file.parent_path(), 0700); !made) return made;
  const json::object document{{"configured", as_json(configured)}, {"members", as_json(members)}};
  return write_file(file, json::serialize(document), 0600);
}

}  // namespace berth
