// agent/store_mark.cpp - see store_mark.hpp.
#include "agent/store_mark.hpp"

#include "base/atomic_file.hpp"
#include "base/json.hpp"

namespace berth::agent {

Result<std::optional<StoreMark>> read_store_mark(const std::filesystem::path& file) {
  auto text = read_file(file);
  if (failed_with(text, ErrorCode::NotFound)) return std::optional<StoreMark>();
  if (!text) return std::move(text).error();
  const auto value = parse_json(*text);
  if (!value) return value.error().context("read " + file.native());
  StoreMark mark;
  mark.id = find_string(*value, {"store"});
  const auto* opened = find(*value, {"opened"});
  if (mark.id.empty() || opened == nullptr || !opened->is_number()) {
    return Error(ErrorCode::DataLoss, "read " + file.native() + ": not a store's mark");
  }
  mark.opened = opened->to_number<std::uint64_t>();
  const auto* strangers = find(*value, {"strangers"});
  if (strangers != nullptr && strangers->is_array()) {
    for (const auto& uid : strangers->get_array()) {
      if (uid.is_string()) mark.strangers.emplace(view(uid.get_string()));
    }
  }
  return std::optional<StoreMark>(std::move(mark));
}

Status write_store_mark(const std::filesystem::path& file, const StoreMark& mark, Durability durability) {
  json::object out{{"store", mark.id}, {"opened", mark.opened}};
  out["strangers"] = json::array(mark.strangers.begin(), mark.strangers.end());
  return write_file(file, json::serialize(out), 0644, durability);
}

bool same_store(const StoreMark& mark, const store::Identity& identity) {
  return mark.id == identity.id && identity.opened > mark.opened && !identity.made_now && !identity.restored;
}

}  // namespace berth::agent
