// cli/completion.cpp - words that a shell offers after `berth`.
#include "cli/completion.hpp"

#include <algorithm>
#include <iostream>
#include <set>

#include <fmt/format.h>

#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/server.hpp"

namespace berth::cli {

namespace {

using model::Kind;

constexpr std::chrono::milliseconds kPatience{500};

constexpr std::string_view kBash = R"(# bash completion for berth: the command itself knows what fits.
_berth() {
  local cur words line
  COMPREPLY=()
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n := cur
  else
    cur=${COMP_WORDS[COMP_CWORD]}
  fi
  mapfile -t words < <(berth __complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$cur" 2>/dev/null)
  if [ "${words[0]-}" = ":files" ]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    compopt -o filenames 2>/dev/null
    return
  fi
  for line in "${words[@]}"; do
    [[ $line == "$cur"* ]] && COMPREPLY+=("$line")
  done
  [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null
  declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur"
}
complete -F _berth berth
)";

constexpr std::string_view kZsh = R"(#compdef berth
# zsh completion for berth: the command itself knows what fits.
_berth() {
  local -a found
  found=("${(@f)$(berth __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ ${found[1]-} == ":files" ]]; then
    _files
  elif [[ -n ${found[1]-} ]]; then
    compadd -- "${found[@]}"
  fi
}
if [[ ${zsh_eval_context[-1]-} == loadautofunc ]]; then
  _berth "$@"
else
  compdef _berth berth
fi
)";

class Completer {
 public:
  Completer(Global& global, const std::vector<std::string>& line) : global_(global), line_(line) {
    if (line_.empty()) line_.emplace_back();
    last_ = line_.back();
    line_.pop_back();
  }

  void run() {
    const auto globals = global_flags(global_);
    const auto name = command_name(globals);
    const auto* entry = find_command(name);
    if (entry == nullptr) {
      for (const auto sub : subcommands_of(name)) offer(sub);
      if (name.empty()) {
        for (const auto& one : all_commands()) offer(one.name.substr(0, one.name.find(' ')));
        if (last_.starts_with('-')) offer_flags(globals);
      }
      return print();
    }
    const auto command = entry->make();
    read_flags(command.flags, globals);
    const auto* waiting = flag_waiting_for_value(command.flags, globals);
    if (waiting != nullptr) {
      offer_values(*waiting);
    } else if (last_.starts_with('-')) {
      offer_flags(command.flags);
      offer_flags(globals);
    } else {
      offer_words(command.words);
    }
    print();
  }

 private:
  /// Takes the command's words out of the line.
  std::string command_name(const Flags& globals) {
    std::string name;
    std::vector<std::string> rest;
    for (std::size_t i = 0; i < line_.size(); ++i) {
      const auto& word = line_[i];
      const auto candidate = name.empty() ? word : fmt::format("{} {}", name, word);
      const bool fits = find_command(candidate) != nullptr || !subcommands_of(candidate).empty();
      if (word.starts_with('-') || !fits || find_command(name) != nullptr) {
        rest.push_back(word);
        const auto* flag = word.starts_with("--")               ? globals.find(std::string_view(word).substr(2))
                           : word.size() == 2 && word[0] == '-' ? globals.find(word[1])
                                                                : nullptr;
        if (flag != nullptr && flag->bare.empty() && i + 1 < line_.size()) rest.push_back(line_[++i]);
      } else {
        name = candidate;
      }
    }
    line_ = std::move(rest);
    return name;
  }

  /// What is on the line so far: the socket and the namespace matter, and the words.
  void read_flags(const Flags& own, const Flags& globals) {
    if (auto parsed = parse_line(line_, own, globals); parsed) {
      words_ = parsed->words;
      dashes_ = parsed->after_dashes.has_value();
    } else if (!line_.empty()) {  // the last flag still waits for its value
      if (auto shorter = parse_line({line_.begin(), line_.end() - 1}, own, globals); shorter) words_ = shorter->words;
    }
  }

  const Flag* flag_waiting_for_value(const Flags& own, const Flags& globals) {
    const auto named = [&](std::string_view word) -> const Flag* {
      if (word.starts_with("--")) {
        const auto* flag = own.find(word.substr(2));
        return flag != nullptr ? flag : globals.find(word.substr(2));
      }
      if (word.size() != 2 || word[0] != '-') return nullptr;
      const auto* flag = own.find(word[1]);
      return flag != nullptr ? flag : globals.find(word[1]);
    };
    if (const auto equals = last_.find('='); last_.starts_with("--") && equals != std::string::npos) {
      const auto* flag = named(std::string_view(last_).substr(0, equals));
      if (flag != nullptr) before_ = last_.substr(0, equals + 1);
      return flag;
    }
    if (line_.empty()) return nullptr;
    const auto* flag = named(line_.back());
    return flag != nullptr && flag->bare.empty() ? flag : nullptr;
  }

  void offer(std::string_view word) { found_.emplace(before_ + std::string(word)); }

  void offer_flags(const Flags& flags) {
    for (const auto& flag : flags.all()) {
      offer(fmt::format("--{}{}", flag.name, flag.placeholder.empty() || !flag.bare.empty() ? "" : "="));
    }
  }

  void offer_values(const Flag& flag) {
    for (const auto& choice : flag.choices) offer(choice);
    if (flag.name == "namespace") offer_names(model::info(Kind::Namespace), "");
    if (flag.placeholder == "FILE") found_.emplace(":files");
    if (flag.name == "container" && !words_.empty()) offer_containers(words_[0]);
    if (flag.name == "for" && flag.placeholder == "KIND/NAME") offer_objects(false);
  }

  void offer_words(Words words) {
    if (dashes_) return;
    switch (words) {
      case Words::None: return;
      case Words::Files: found_.emplace(":files"); return;
      case Words::Pods:
        if (words_.empty()) offer_names(model::info(Kind::Pod), "");
        return;
      case Words::Nodes: offer_names(model::info(Kind::Node), ""); return;
      case Words::Sets:
      case Words::Objects: offer_objects(words == Words::Sets); return;
    }
  }

  void offer_objects(bool only_sets) {
    if (const auto slash = last_.find('/'); slash != std::string::npos) {
      const auto* kind = model::find_kind(std::string_view(last_).substr(0, slash));
      if (kind != nullptr) offer_names(*kind, last_.substr(0, slash + 1));
      return;
    }
    if (!words_.empty()) {
      const auto* kind = model::find_kind(words_[0]);
      if (kind != nullptr) offer_names(*kind, "");
      return;
    }
    for (const auto& kind : model::all_kinds()) {
      if (!only_sets || kind.has_scale || kind.kind == Kind::DaemonSet) offer(kind.plural);
    }
  }

  Server server() const {
    auto global = global_;
    global.request_timeout = kPatience;
    return Server(global);
  }

  void offer_names(const model::KindInfo& kind, const std::string& prefix) {
    const auto list = server().list(kind, kind.namespaced ? global_.ns : "", {});
    if (!list) return;
    for (const auto& item : items_of(*list)) {
      const auto name = name_of(item);
      if (std::find(words_.begin(), words_.end(), name) == words_.end()) offer(prefix + std::string(name));
    }
  }

  void offer_containers(const std::string& pod) {
    const auto object = server().get(model::info(Kind::Pod), global_.ns, pod.substr(pod.find('/') + 1));
    if (!object) return;
    for (const auto list : {"containers", "initContainers"}) {
      const auto* containers = find(*object, {"spec", list});
      if (containers == nullptr || !containers->is_array()) continue;
      for (const auto& container : containers->get_array()) offer(find_string(container, {"name"}));
    }
  }

  void print() const {
    for (const auto& word : found_) {
      if (word == ":files" || word.starts_with(last_)) std::cout << word << '\n';
    }
  }

  Global& global_;
  std::vector<std::string> line_;
  std::string last_;
  std::vector<std::string> words_;
  bool dashes_ = false;
  std::string before_;  ///< "--output=", before each value
  std::set<std::string> found_;
};

}  // namespace

int complete(Global& global, const std::vector<std::string>& line) {
  Completer(global, line).run();
  return 0;
}

Command completion_command() {
  Command command;
  command.usage = "bash | zsh";
  command.details = "bash: berth completion bash > /etc/bash_completion.d/berth (the Debian package brings it)";
  command.run = [](const Global&, const Arguments& arguments) {
    const auto shell = arguments.words.empty() ? std::string() : arguments.words[0];
    if (shell != "bash" && shell != "zsh")
      return usage_error("completion", {ErrorCode::InvalidArgument, "name the shell: bash or zsh"});
    std::cout << (shell == "bash" ? kBash : kZsh);
    return 0;
  };
  return command;
}

}  // namespace berth::cli
