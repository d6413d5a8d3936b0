// cli/berth_main.cpp - the `berth` command: finds the command on the line and runs it.
#include <cstdlib>
#include <iostream>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/completion.hpp"
#include "cli/messages.hpp"
#include "cli/standard_streams.hpp"

namespace {

using namespace berth::cli;  // NOLINT(google-build-using-namespace): this file is only the way in

/// The command's name, taken out of `line`: the first words that are no flags. A flag before it may have a value.
std::string take_name(std::vector<std::string>& line, const Flags& global) {
  std::string name;
  for (std::size_t at = 0; at < line.size();) {
    const auto& word = line[at];
    if (word == "--") break;
    if (word.size() > 1 && word[0] == '-') {
      const auto* flag = word[1] == '-' ? global.find(std::string_view(word).substr(2)) : global.find(word[1]);
      const bool has_value = flag != nullptr && flag->bare.empty() && (word[1] == '-' || word.size() == 2);
      at += has_value ? 2 : 1;
      continue;
    }
    const auto candidate = name.empty() ? word : name + " " + word;
    if (!name.empty() && find_command(candidate) == nullptr) break;
    name = candidate;
    line.erase(line.begin() + static_cast<std::ptrdiff_t>(at));
    if (subcommands_of(name).empty()) break;
  }
  return name;
}

int unknown_command(const std::string& name) {
  std::cerr << fmt::format("error: unknown command \"{}\" for \"berth\"\n", name);
  const auto similar = similar_commands(name);
  if (!similar.empty()) std::cerr << "\nDid you mean this?\n";
  for (const auto& other : similar) std::cerr << fmt::format("\t{}\n", other);
  return 1;
}

int show_subcommands(const std::string& name, bool asked) {
  auto& out = asked ? std::cout : std::cerr;
  out << fmt::format("{}berth {} has these commands:\n", asked ? "" : "error: ", name);
  for (const auto sub : subcommands_of(name)) {
    const auto* entry = find_command(fmt::format("{} {}", name, sub));
    out << fmt::format("  {:<10} {}\n", sub, entry->summary);
  }
  return asked ? 0 : 1;
}

bool asks_for_help(const std::vector<std::string>& line) {
  for (const auto& word : line) {
    if (word == "--") return false;
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

/// "top pods" is "top pod".
std::string canonical(std::vector<std::string>& line, std::string name) {
  if (name != "top") return name;
  for (auto at = line.begin(); at != line.end(); ++at) {
    for (const auto& [word, command] : {std::pair("pods", "top pod"), std::pair("po", "top pod"),
                                        std::pair("nodes", "top node"), std::pair("no", "top node")}) {
      if (*at != word) continue;
      line.erase(at);
      return command;
    }
  }
  return name;
}

int run(std::vector<std::string> line) {
  Global global;
  if (const char* socket = std::getenv("BERTH_SOCKET"); socket != nullptr && *socket != '\0') global.socket = socket;
  const auto globals = global_flags(global);
  if (!line.empty() && line[0] == "__complete") {
    line.erase(line.begin());
    return complete(global, line);
  }
  if (!line.empty() && line[0] == "__man") {
    std::cout << man_page();
    return 0;
  }
  auto name = canonical(line, take_name(line, globals));
  if (name == "help") {
    name = take_name(line, globals);
    line.emplace_back("--help");
  }
  const bool help = asks_for_help(line);
  if (name.empty()) {
    if (!help && !line.empty()) {
      if (auto read = parse_line(line, Flags{}, globals); !read) return usage_error("", read.error());
    }
    std::cout << help_text();
    return 0;
  }
  const auto* entry = find_command(name);
  if (entry == nullptr) return subcommands_of(name).empty() ? unknown_command(name) : show_subcommands(name, help);
  if (help) {
    std::cout << help_text(*entry);
    return 0;
  }
  const auto command = entry->make();
  const auto arguments = parse_line(line, command.flags, globals);
  if (!arguments) return usage_error(name, arguments.error());
  return command.run(global, *arguments);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    StandardOutput output;
    return output.finish(run({argv + 1, argv + argc}));
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
