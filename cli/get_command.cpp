// cli/get_command.cpp - berth get: objects as tables, YAML, JSON, names or what a template makes of them.
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "cli/get_output.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/selection.hpp"
#include "cli/server.hpp"
#include "cli/table_text.hpp"

namespace berth::cli {

namespace {

struct GetOptions {
  Choice choice;
  std::string output;
  std::string sort_by;
  std::vector<std::string> label_columns;
  bool watch = false;
  bool watch_only = false;
  bool watch_events = false;
  bool show_labels = false;
  bool show_kind = false;
  bool show_managed = false;
  bool no_headers = false;
  bool ignore_not_found = false;
};

/// One request: an object, or a list when `name` is empty.
struct Wanted {
  const model::KindInfo* kind = nullptr;
  std::string ns;
  std::string name;
};

class Getter {
 public:
  Getter(const Global& global, const GetOptions& options, Output output)
      : global_(global), options_(options), output_(std::move(output)), server_(global) {}

  int run(const Arguments& arguments) {
    auto choice = options_.choice;
    choice.words = arguments.words;
    if (auto done = find_wanted(choice); !done) return fail(done.error());
    if (options_.watch || options_.watch_only) {
      if (wanted_.size() != 1) {
        return fail(
            {ErrorCode::InvalidArgument, "you may only specify a single resource or type of resource with --watch"});
      }
      return watch(wanted_.front());
    }
    const int code = output_.is_table() ? tables() : objects();
    std::cout.flush();
    for (const auto& error : errors_) fail(error);
    return errors_.empty() ? code : 1;
  }

 private:
  Status find_wanted(const Choice& choice) {
    if (choice.files.given()) {
      const auto chosen = choose(server_, global_, choice);
      if (!chosen) return chosen.error();
      for (const auto& one : *chosen) wanted_.push_back({one.kind, one.ns, one.name});
    } else {
      const auto refs = parse_resources(choice.words);
      if (!refs) return refs.error();
      for (const auto& ref : *refs) {
        const bool everywhere = choice.all_namespaces || !ref.kind->namespaced;
        if (!ref.name.empty() && choice.all_namespaces && ref.kind->namespaced) {
          return Error(ErrorCode::InvalidArgument, "a resource cannot be retrieved by name across all namespaces");
        }
        if (!ref.name.empty() && !(choice.labels.empty() && choice.fields.empty())) {
          return Error(ErrorCode::InvalidArgument, "name cannot be provided when a selector is specified");
        }
        wanted_.push_back({ref.kind, everywhere ? "" : global_.ns, ref.name});
      }
      several_kinds_ = !choice.words.empty() && choice.words[0] == "all";
    }
    for (const auto& one : wanted_) several_kinds_ = several_kinds_ || one.kind != wanted_.front().kind;
    return Ok{};
  }

  Result<json::value> fetch(const Wanted& one, std::string_view accept) const {
    return one.name.empty() ? server_.list(*one.kind, one.ns, selection(), accept)
                            : server_.get(*one.kind, one.ns, one.name, accept);
  }

  Selection selection() const { return {options_.choice.labels, options_.choice.fields}; }

  /// Notes the error; true when the rest may still be asked for.
  bool note(const Error& error) {
    if (error.code() == ErrorCode::NotFound && options_.ignore_not_found) return true;
    errors_.push_back(error);
    return error.code() != ErrorCode::Unavailable;
  }

  TableStyle style(const Wanted& one) const {
    TableStyle style;
    style.wide = output_.is_wide();
    style.headers = !options_.no_headers;
    style.namespaces = options_.choice.all_namespaces && one.kind->namespaced;
    style.events = options_.watch_events;
    style.labels = options_.show_labels;
    style.label_columns = options_.label_columns;
    if (several_kinds_ || options_.show_kind) style.name_prefix = display_name(*one.kind, "");
    return style;
  }

  /// Every run of one kind is one table.
  int tables() {
    bool printed = false;
    for (std::size_t i = 0; i < wanted_.size();) {
      const auto* kind = wanted_[i].kind;
      TableText table(style(wanted_[i]));
      for (; i < wanted_.size() && wanted_[i].kind == kind; ++i) {
        auto answer = fetch(wanted_[i], kTable);
        if (answer && !options_.sort_by.empty() && wanted_[i].name.empty()) {
          if (auto sorted = sort_rows(*answer, wanted_[i]); !sorted) return fail(sorted.error());
        }
        if (!answer && !note(answer.error())) return 1;
        if (answer) table.add(*answer);
      }
      if (table.empty()) continue;
      if (printed) std::cout << '\n';
      std::cout << table.take();
      printed = true;
    }
    if (!printed && errors_.empty() && !options_.ignore_not_found) say_none();
    return 0;
  }

  void say_none() const {
    std::cout.flush();
    const bool in_namespace =
        std::any_of(wanted_.begin(), wanted_.end(), [](const Wanted& one) { return !one.ns.empty(); });
    std::cerr << (in_namespace ? fmt::format("No resources found in {} namespace.\n", global_.ns)
                               : "No resources found\n");
  }

  /// Rows in the order of the objects' own values.
  Status sort_rows(json::value& table, const Wanted& one) const {
    auto list = server_.list(*one.kind, one.ns, selection());
    if (!list) return list.error();
    const auto order = sorted_items(items_of(*list), options_.sort_by);
    if (!order) return order.error();
    std::map<std::string, std::size_t> rank;
    for (std::size_t i = 0; i < order->size(); ++i) rank.emplace(std::string(uid_of(*(*order)[i])), i);
    auto* rows = table.is_object() ? table.get_object().if_contains("rows") : nullptr;
    if (rows == nullptr || !rows->is_array()) return Ok{};
    const auto rank_of = [&](const json::value& row) {
      const auto found = rank.find(std::string(find_string(row, {"object", "metadata", "uid"})));
      return found == rank.end() ? rank.size() : found->second;
    };
    std::vector<json::value> moved(rows->get_array().begin(), rows->get_array().end());
    std::stable_sort(moved.begin(), moved.end(), [&](const auto& a, const auto& b) { return rank_of(a) < rank_of(b); });
    rows->get_array() = json::array(moved.begin(), moved.end());
    return Ok{};
  }

  int objects() {
    json::array items;
    for (const auto& one : wanted_) {
      auto answer = fetch(one, kJson);
      if (!answer) {
        if (!note(answer.error())) return 1;
      } else if (!one.name.empty()) {
        items.push_back(*std::move(answer));
      } else {
        for (const auto& item : items_of(*answer)) {
          auto copy = item.is_object() ? item.get_object() : json::object{};
          if (copy.if_contains("kind") == nullptr) copy["kind"] = one.kind->name;
          if (copy.if_contains("apiVersion") == nullptr) copy["apiVersion"] = one.kind->api_version();
          items.push_back(std::move(copy));
        }
      }
    }
    const bool single = wanted_.size() == 1 && !wanted_[0].name.empty();
    if (single && items.empty()) return 0;
    if (!options_.sort_by.empty()) {
      const auto order = sorted_items(items, options_.sort_by);
      if (!order) return fail(order.error());
      json::array sorted;
      for (const auto* item : *order) sorted.push_back(*item);
      items = std::move(sorted);
    }
    if (items.empty() && errors_.empty() && output_.is_lines()) say_none();
    std::cout << output_.print(std::move(items), single);
    return 0;
  }

  int watch(const Wanted& one) {
    auto chosen = selection();
    if (!one.name.empty()) chosen.fields = fmt::format("metadata.name={}", one.name);
    const auto accept = output_.is_table() ? kTable : kJson;
    TableText table(style(one));
    const auto show = [&](const json::value& object, std::string_view event) {
      if (output_.is_table()) {
        table.add(object, event);
        std::cout << table.take();
      } else {
        std::cout << output_.print_one(object, event);
      }
      std::cout.flush();
      return static_cast<bool>(std::cout);
    };
    auto start = fetch(one, accept);  // a missing object is an error, not an endless wait
    if (!start) return fail(start.error());
    auto version = std::string(find_string(*start, {"metadata", "resourceVersion"}, "0"));
    if (!options_.watch_only) {
      if (output_.is_table() || !one.name.empty()) {
        show(*start, "ADDED");
      } else {
        for (const auto& item : items_of(*start)) show(item, "ADDED");
      }
    }
    const auto done = server_.watch(
        *one.kind, one.ns, chosen, version, {},
        [&](std::string_view type, const json::value& object) { return show(object, type); }, accept);
    return done ? 0 : fail(done.error());
  }

  const Global& global_;
  const GetOptions& options_;
  Output output_;
  Server server_;
  std::vector<Wanted> wanted_;
  bool several_kinds_ = false;
  std::vector<Error> errors_;
};

}  // namespace

Command get_command() {
  auto options = std::make_shared<GetOptions>();
  Command command;
  command.usage = "(KIND[,KIND] [NAME...] | KIND/NAME... | all) [flags]";
  command.details =
      "Formats: wide, yaml, json, name, jsonpath=TEMPLATE, jsonpath-file=FILE, custom-columns=TITLE:PATH,...";
  command.words = Words::Objects;
  auto& flags = command.flags;
  flags
      .add(options->output, "output", 'o', "FORMAT", "wide, yaml, json, name, jsonpath=TEMPLATE or custom-columns=SPEC")
      .choices = {"wide", "yaml", "json", "name", "jsonpath=", "custom-columns="};
  flags.add(options->choice.labels, "selector", 'l', "SELECTOR", "Objects with these labels: app=web,tier!=front");
  flags.add(options->choice.fields, "field-selector", 0, "SELECTOR", "Objects with these fields: status.phase=Running");
  flags.add(options->choice.all_namespaces, "all-namespaces", 'A', "Objects of every namespace");
  add_file_flags(flags, options->choice.files, "The objects of these files, folders, URLs or -");
  flags.add(options->watch, "watch", 'w', "Go on with every change");
  flags.add(options->watch_only, "watch-only", 0, "Only changes from now on");
  flags.add(options->watch_events, "output-watch-events", 0, "With --watch: what happened, as the first column");
  flags.add(options->show_labels, "show-labels", 0, "Labels as the last column");
  flags.add(options->label_columns, "label-columns", 'L', "LABEL", "One column for each of these labels");
  flags.add(options->show_kind, "show-kind", 0, "Names as kind/name");
  flags.add(options->sort_by, "sort-by", 0, "PATH", "Order by a field: .metadata.creationTimestamp");
  flags.add(options->no_headers, "no-headers", 0, "No column titles");
  flags.add(options->ignore_not_found, "ignore-not-found", 0, "A missing object is no error");
  flags.add(options->show_managed, "show-managed-fields", 0, "Keep metadata.managedFields in yaml and json");
  command.run = [options](const Global& global, const Arguments& arguments) {
    auto output = Output::parse(options->output, options->no_headers, options->show_managed);
    if (!output) return fail(output.error());
    return Getter(global, *options, *std::move(output)).run(arguments);
  };
  return command;
}

}  // namespace berth::cli
