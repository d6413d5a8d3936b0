// cli/flags.hpp - the flags of one command and how a command line fills them, by pflag's rules. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth::cli {

/// Takes a flag's value. InvalidArgument: why this one is none.
using SetFlag = std::function<Status(std::string_view)>;

/// One flag as parser, --help, man page and completion see it.
struct Flag {
  std::string name;                  ///< "namespace"
  char letter = 0;                   ///< 'n'; 0: none
  std::string placeholder;           ///< "NAME"; empty: a switch
  std::string help;                  ///< One line, no full stop.
  std::string bare;                  ///< What `--name` alone means; empty: a value has to follow.
  std::vector<std::string> choices;  ///< Values that completion offers.
  SetFlag set;
};

/// What a command line holds besides flags.
struct Arguments {
  std::vector<std::string> words;                        ///< Before `--`.
  std::optional<std::vector<std::string>> after_dashes;  ///< What follows `--`, when it was given.
};

/// A set of flags bound to variables, which must outlive it.
class Flags {
 public:
  Flag& add(bool& into, std::string name, char letter, std::string help);
  Flag& add(std::string& into, std::string name, char letter, std::string placeholder, std::string help);
  Flag& add(std::optional<std::int64_t>& into, std::string name, char letter, std::string placeholder,
            std::string help);
  /// Repeated, or with commas.
  Flag& add(std::vector<std::string>& into, std::string name, char letter, std::string placeholder, std::string help);
  /// Repeated; commas belong to the value.
  Flag& add_each(std::vector<std::string>& into, std::string name, char letter, std::string placeholder,
                 std::string help);
  Flag& add_path(std::filesystem::path& into, std::string name, std::string placeholder, std::string help);
  /// "90s", "1m30s", "0"; a number alone is seconds.
  Flag& add(std::optional<std::chrono::milliseconds>& into, std::string name, char letter, std::string help);
  /// A value of another kind; what all others are made of.
  Flag& add_value(std::string name, char letter, std::string placeholder, std::string help, SetFlag set);

  const std::vector<Flag>& all() const { return all_; }
  const Flag* find(std::string_view name) const;
  const Flag* find(char letter) const;

 private:
  std::vector<Flag> all_;
};

/// Fills the flags of both sets from `line` (flags and words in any order; `--` ends the flags) and returns the rest.
/// InvalidArgument as kubectl words it: `unknown flag: --foo`.
Result<Arguments> parse_line(const std::vector<std::string>& line, const Flags& own, const Flags& global);

/// A Go duration: "300ms", "1.5h", "2m30s"; a number alone is seconds. InvalidArgument otherwise, also above a century.
Result<std::chrono::milliseconds> parse_go_duration(std::string_view text);

}  // namespace berth::cli
