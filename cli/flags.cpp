// cli/flags.cpp - the flags of one command and how a command line fills them.
#include "cli/flags.hpp"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace berth::cli {

namespace {

Result<bool> parse_bool(std::string_view text) {
  for (const auto word : {"true", "True", "TRUE", "1", "t", "T"}) {
    if (text == word) return true;
  }
  for (const auto word : {"false", "False", "FALSE", "0", "f", "F"}) {
    if (text == word) return false;
  }
  return Error(ErrorCode::InvalidArgument, "neither true nor false");
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (true) {
    const auto comma = std::min(text.find(','), text.size());
    out.emplace_back(text.substr(0, comma));
    if (comma == text.size()) return out;
    text.remove_prefix(comma + 1);
  }
}

const Flag* find_in(const Flags& own, const Flags& global, std::string_view name) {
  const auto* flag = own.find(name);
  return flag != nullptr ? flag : global.find(name);
}

const Flag* find_in(const Flags& own, const Flags& global, char letter) {
  const auto* flag = own.find(letter);
  return flag != nullptr ? flag : global.find(letter);
}

Status assign(const Flag& flag, std::string_view value) {
  auto done = flag.set(value);
  if (done) return done;
  const auto shown =
      flag.letter == 0 ? fmt::format("--{}", flag.name) : fmt::format("-{}, --{}", flag.letter, flag.name);
  return Error(ErrorCode::InvalidArgument,
               fmt::format("invalid argument \"{}\" for \"{}\" flag: {}", value, shown, done.error().message()));
}

/// `--name`, `--name=value`, `--name value`. Moves `at` over a value that it takes.
Status long_flag(const std::vector<std::string>& line, std::size_t& at, const Flags& own, const Flags& global) {
  const auto word = std::string_view(line[at]).substr(2);
  const auto equals = word.find('=');
  const auto name = word.substr(0, std::min(equals, word.size()));
  const auto* flag = find_in(own, global, name);
  if (flag == nullptr) return Error(ErrorCode::InvalidArgument, fmt::format("unknown flag: --{}", name));
  if (equals != std::string_view::npos) return assign(*flag, word.substr(equals + 1));
  if (!flag->bare.empty()) return assign(*flag, flag->bare);
  if (at + 1 >= line.size()) {
    return Error(ErrorCode::InvalidArgument, fmt::format("flag needs an argument: --{}", name));
  }
  return assign(*flag, line[++at]);
}

/// `-it`, `-n value`, `-nvalue`, `-n=value`.
Status short_flags(const std::vector<std::string>& line, std::size_t& at, const Flags& own, const Flags& global) {
  const auto word = std::string_view(line[at]).substr(1);
  for (std::size_t i = 0; i < word.size(); ++i) {
    const auto* flag = find_in(own, global, word[i]);
    if (flag == nullptr) {
      return Error(ErrorCode::InvalidArgument, fmt::format("unknown shorthand flag: '{}' in -{}", word[i], word));
    }
    const auto rest = word.substr(i + 1);
    if (rest.starts_with('=')) return assign(*flag, rest.substr(1));
    if (!flag->bare.empty()) {
      if (auto done = assign(*flag, flag->bare); !done) return done;
      continue;
    }
    if (!rest.empty()) return assign(*flag, rest);
    if (at + 1 >= line.size()) {
      return Error(ErrorCode::InvalidArgument, fmt::format("flag needs an argument: '{}' in -{}", word[i], word));
    }
    return assign(*flag, line[++at]);
  }
  return Ok{};
}

}  // namespace

Flag& Flags::add_value(std::string name, char letter, std::string placeholder, std::string help, SetFlag set) {
  return all_.emplace_back(
      Flag{std::move(name), letter, std::move(placeholder), std::move(help), /*bare=*/"", {}, std::move(set)});
}

Flag& Flags::add(bool& into, std::string name, char letter, std::string help) {
  auto& flag = add_value(std::move(name), letter, "", std::move(help), [&into](std::string_view text) -> Status {
    const auto value = parse_bool(text);
    if (!value) return value.error();
    into = *value;
    return Ok{};
  });
  flag.bare = "true";
  return flag;
}

Flag& Flags::add(std::string& into, std::string name, char letter, std::string placeholder, std::string help) {
  return add_value(std::move(name), letter, std::move(placeholder), std::move(help),
                   [&into](std::string_view text) -> Status {
                     into = text;
                     return Ok{};
                   });
}

Flag& Flags::add(std::optional<std::int64_t>& into, std::string name, char letter, std::string placeholder,
                 std::string help) {
  return add_value(std::move(name), letter, std::move(placeholder), std::move(help),
                   [&into](std::string_view text) -> Status {
                     std::int64_t value = 0;
                     const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
                     if (error != std::errc() || end != text.data() + text.size()) {
                       return Error(ErrorCode::InvalidArgument, "not a whole number");
                     }
                     into = value;
                     return Ok{};
                   });
}

Flag& Flags::add(std::vector<std::string>& into, std::string name, char letter, std::string placeholder,
                 std::string help) {
  return add_value(std::move(name), letter, std::move(placeholder), std::move(help),
                   [&into](std::string_view text) -> Status {
                     for (auto& word : split(text)) into.push_back(std::move(word));
                     return Ok{};
                   });
}

Flag& Flags::add_each(std::vector<std::string>& into, std::string name, char letter, std::string placeholder,
                      std::string help) {
  return add_value(std::move(name), letter, std::move(placeholder), std::move(help),
                   [&into](std::string_view text) -> Status {
                     into.emplace_back(text);
                     return Ok{};
                   });
}

Flag& Flags::add_path(std::filesystem::path& into, std::string name, std::string placeholder, std::string help) {
  return add_value(std::move(name), 0, std::move(placeholder), std::move(help),
                   [&into](std::string_view text) -> Status {
                     into = text;
                     return Ok{};
                   });
}

Flag& Flags::add(std::optional<std::chrono::milliseconds>& into, std::string name, char letter, std::string help) {
  return add_value(std::move(name), letter, "DURATION", std::move(help), [&into](std::string_view text) -> Status {
    const auto value = parse_go_duration(text);
    if (!value) return value.error();
    into = *value;
    return Ok{};
  });
}

const Flag* Flags::find(std::string_view name) const {
  for (const auto& flag : all_) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

const Flag* Flags::find(char letter) const {
  for (const auto& flag : all_) {
    if (flag.letter == letter && letter != 0) return &flag;
  }
  return nullptr;
}

Result<Arguments> parse_line(const std::vector<std::string>& line, const Flags& own, const Flags& global) {
  Arguments out;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const auto& word = line[at];
    if (word == "--") {
      out.after_dashes.emplace(line.begin() + static_cast<std::ptrdiff_t>(at) + 1, line.end());
      return out;
    }
    if (word.size() < 2 || word[0] != '-') {
      out.words.push_back(word);
      continue;
    }
    auto done = word[1] == '-' ? long_flag(line, at, own, global) : short_flags(line, at, own, global);
    if (!done) return done.error();
  }
  return out;
}

Result<std::chrono::milliseconds> parse_go_duration(std::string_view text) {
  constexpr double kLongest = 100.0 * 365 * 24 * 3600 * 1000;
  const auto wrong =
      Error(ErrorCode::InvalidArgument, fmt::format("\"{}\" is not a duration like 90s, 5m or 1h30m", text));
  if (text.empty()) return wrong;
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  double total = 0;
  const bool bare = text.find_first_not_of("0123456789") == std::string_view::npos;
  while (!text.empty()) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || !(number >= 0)) return wrong;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    double unit = 0;
    for (const auto& [name, factor] :
         {std::pair<std::string_view, double>("ms", 1), std::pair<std::string_view, double>("us", 0.001),
          std::pair<std::string_view, double>("ns", 0.000001), std::pair<std::string_view, double>("s", 1000),
          std::pair<std::string_view, double>("m", 60'000), std::pair<std::string_view, double>("h", 3'600'000)}) {
      if (!text.starts_with(name)) continue;
      unit = factor;
      text.remove_prefix(name.size());
      break;
    }
    if (unit == 0) {
      if (!bare) return wrong;
      unit = 1000;
    }
    total += number * unit;
    if (!(total <= kLongest)) return wrong;
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::llround(negative ? -total : total)));
}

}  // namespace berth::cli
