// network/resolv_conf.cpp - words on lines; see resolv.conf(5).
#include "network/resolv_conf.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace berth::network {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  constexpr std::string_view kBlank = " \t\r";
  for (auto from = line.find_first_not_of(kBlank); from != std::string_view::npos;) {
    const auto to = line.find_first_of(kBlank, from);
    words.push_back(line.substr(from, to == std::string_view::npos ? to : to - from));
    from = line.find_first_not_of(kBlank, to);
  }
  return words;
}

model::DnsOption read_option(std::string_view word) {
  const auto colon = word.find(':');
  if (colon == std::string_view::npos) return {std::string(word), std::nullopt};
  return {std::string(word.substr(0, colon)), std::string(word.substr(colon + 1))};
}

}  // namespace

void set_option(std::vector<model::DnsOption>& options, const model::DnsOption& option) {
  const auto it = std::find_if(options.begin(), options.end(), [&](const auto& o) { return o.name == option.name; });
  if (it == options.end()) {
    options.push_back(option);
  } else {
    it->value = option.value;
  }
}

ResolvConf read_resolv_conf(std::string_view text) {
  ResolvConf conf;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto words = words_of(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (words.size() < 2) continue;
    if (words[0] == "nameserver" && std::ranges::find(conf.nameservers, words[1]) == conf.nameservers.end())
      conf.nameservers.emplace_back(words[1]);
    if (words[0] == "search") conf.searches.assign(words.begin() + 1, words.end());
    if (words[0] == "domain") conf.searches.assign(1, std::string(words[1]));
    if (words[0] != "options") continue;
    for (std::size_t i = 1; i < words.size(); ++i) set_option(conf.options, read_option(words[i]));
  }
  return conf;
}

std::string resolv_conf_text(const ResolvConf& conf) {
  std::string text;
  if (!conf.searches.empty()) text += fmt::format("search {}\n", fmt::join(conf.searches, " "));
  for (const auto& server : conf.nameservers) text += fmt::format("nameserver {}\n", server);
  if (conf.options.empty()) return text;
  text += "options";
  for (const auto& option : conf.options) {
    text += " " + option.name;
    if (option.value && !option.value->empty()) text += ":" + *option.value;
  }
  return text + "\n";
}

}  // namespace berth::network
