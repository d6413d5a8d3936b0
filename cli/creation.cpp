// cli/creation.cpp - see creation.hpp.
#include "cli/creation.hpp"

#include <iostream>

#include <fmt/format.h>

#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/yaml_text.hpp"

namespace berth::cli {

void add_creation_flags(Flags& flags, Creation& creation, std::string_view noun) {
  add_dry_run_flag(flags, creation.dry_run);
  flags.add(creation.output, "output", 'o', "FORMAT", fmt::format("yaml or json: {}", noun)).choices = {"yaml", "json"};
}

int create(const Server& server, const Global& global, const model::KindInfo& kind, const json::value& object,
           const Creation& creation, std::string_view verb) {
  auto made = Result<json::value>(object);
  if (creation.dry_run != DryRun::Client) {
    made = server.create(resource_path(kind, global.ns, "") + dry_run_query(creation.dry_run), object);
    if (!made) return fail(made.error());
  }
  if (creation.output.empty()) {
    std::cout << fmt::format("{} {}{}\n", display_name(kind, name_of(*made)), verb, dry_run_suffix(creation.dry_run));
  } else {
    std::cout << (creation.output == "yaml" ? to_yaml(*made) : to_pretty_json(*made));
  }
  return 0;
}

}  // namespace berth::cli
