// api/access/token_file.cpp - bearer tokens from a file, in the format of kube-apiserver's --token-auth-file.
#include "api/access/token_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/sha256.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kMaxBytes = 1024 * 1024;
constexpr std::size_t kMaxEntries = 1000;
constexpr std::size_t kMaxToken = 16 * 1024;
constexpr std::chrono::seconds kBetweenLooks{1};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

/// One line of CSV (RFC 4180, without line breaks in fields). Nullopt: a quote that does not end, or ends too early.
std::optional<std::vector<std::string>> split_fields(std::string_view line) {
  std::vector<std::string> fields;
  while (true) {
    line = trim(line);
    std::string field;
    if (!line.empty() && line.front() == '"') {
      std::size_t at = 1;
      for (; at < line.size(); ++at) {
        if (line[at] != '"') {
          field += line[at];
        } else if (at + 1 < line.size() && line[at + 1] == '"') {
          field += line[at++];
        } else {
          break;
        }
      }
      if (at >= line.size()) return std::nullopt;
      line = trim(line.substr(at + 1));
      if (!line.empty() && line.front() != ',') return std::nullopt;
    } else {
      const auto end = std::min(line.find(','), line.size());
      field = trim(line.substr(0, end));
      line.remove_prefix(end);
    }
    fields.push_back(std::move(field));
    if (line.empty()) return fields;
    line.remove_prefix(1);  // the comma
  }
}

std::vector<std::string> split_groups(std::string_view text) {
  std::vector<std::string> groups;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    const auto group = trim(text.substr(0, end));
    if (!group.empty()) groups.emplace_back(group);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return groups;
}

/// Looks at every byte whatever the first ones are.
bool same_digest(std::string_view left, std::string_view right) {
  unsigned difference = left.size() == right.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    difference |= static_cast<unsigned char>(left[i]) ^ static_cast<unsigned char>(right[i]);
  }
  return difference == 0;
}

}  // namespace

Result<std::vector<TokenEntry>> parse_token_file(std::string_view text) {
  std::vector<TokenEntry> entries;
  std::set<std::string> seen;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const auto bad = [number](std::string_view why) {
      return Error(ErrorCode::InvalidArgument, fmt::format("line {}: {}", number, why));
    };
    const auto fields = split_fields(line);
    if (!fields) return bad("a quote is not closed, or text follows it");
    if (fields->size() < 3 || fields->size() > 4) return bad("must be token,user,uid[,\"group1,group2\"]");
    if ((*fields)[0].empty()) return bad("the token is empty");
    if ((*fields)[1].empty()) return bad("the user is empty");
    TokenEntry entry{sha256_hex((*fields)[0]),
                     make_user((*fields)[1], split_groups(fields->size() > 3 ? (*fields)[3] : ""), (*fields)[2])};
    if (!seen.insert(entry.digest).second) return bad("the token was given before");
    if (entries.size() == kMaxEntries) return bad(fmt::format("more than {} tokens", kMaxEntries));
    entries.push_back(std::move(entry));
  }
  return entries;
}

Status TokenFile::load() {
  struct stat info {};
  seen_.clear();
  if (::stat(path_.c_str(), &info) == 0) {
    seen_ = fmt::format("{}:{}:{}.{}", info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  }
  const auto text = read_file(path_, kMaxBytes);
  if (!text) {
    if (text.error().code() == ErrorCode::NotFound) entries_.clear();  // taken away: nobody has a token any more
    return text.error();
  }
  auto entries = parse_token_file(*text);
  if (!entries) return entries.error().context(path_.string());
  entries_ = *std::move(entries);
  return Ok{};
}

void TokenFile::look() {
  const auto now = clock_.now();
  if (now < next_look_) return;
  next_look_ = now + kBetweenLooks;
  struct stat info {};
  std::string seen;
  if (::stat(path_.c_str(), &info) == 0) {
    seen = fmt::format("{}:{}:{}.{}", info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  }
  if (seen == seen_) return;
  if (const auto loaded = load(); !loaded) complaint_ = loaded.error().message();
}

std::optional<User> TokenFile::find(std::string_view token) {
  look();
  if (token.empty() || token.size() > kMaxToken) return std::nullopt;
  const auto digest = sha256_hex(token);
  const TokenEntry* found = nullptr;
  for (const auto& entry : entries_) {
    if (same_digest(entry.digest, digest)) found = &entry;
  }
  return found == nullptr ? std::nullopt : std::optional(found->user);
}

std::string TokenFile::take_complaint() { return std::exchange(complaint_, {}); }

}  // namespace berth::api
