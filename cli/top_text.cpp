// cli/top_text.cpp - metrics as kubectl top's tables.
#include "cli/top_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/json_path.hpp"
#include "cli/server.hpp"
#include "cli/tab_text.hpp"
#include "model/quantity.hpp"

namespace berth::cli {

namespace {

constexpr std::int64_t kMebi = 1024 * 1024;

struct Usage {
  std::int64_t milli_cpu = 0;
  std::int64_t bytes = 0;

  Usage& operator+=(const Usage& other) {
    milli_cpu += other.milli_cpu;
    bytes += other.bytes;
    return *this;
  }
};

struct Row {
  std::string ns;
  std::string name;
  std::string container;
  Usage usage;
};

model::Quantity quantity(const json::value& from, std::initializer_list<std::string_view> path) {
  const auto* value = find(from, path);
  if (value == nullptr) return {};
  // Usage comes in nanocores; our quantities end at thousandths, rounded up as Kubernetes does.
  auto text = plain_text(*value);
  if (text.ends_with('n') || text.ends_with('u')) {
    const double divisor = text.back() == 'n' ? 1e6 : 1e3;
    text.pop_back();
    const auto number = model::Quantity::parse(text);
    if (!number) return {};
    const auto milli = static_cast<std::int64_t>(static_cast<double>(number->value()) / divisor + 0.999999);
    return model::Quantity::parse(fmt::format("{}m", milli)).value_or({});
  }
  return model::Quantity::parse(text).value_or({});
}

Usage usage_of(const json::value& from) {
  return {quantity(from, {"usage", "cpu"}).milli(), quantity(from, {"usage", "memory"}).value()};
}

void sort_rows(std::vector<Row>& rows, const std::string& by) {
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    if (by == "cpu") return a.usage.milli_cpu > b.usage.milli_cpu;
    if (by == "memory") return a.usage.bytes > b.usage.bytes;
    return std::tie(a.ns, a.name, a.container) < std::tie(b.ns, b.name, b.container);
  });
}

std::string usage_text(const Usage& usage) { return fmt::format("{}m\t{}Mi\t", usage.milli_cpu, usage.bytes / kMebi); }

}  // namespace

std::string top_pods(const std::vector<json::value>& metrics, const TopStyle& style) {
  std::vector<Row> rows;
  Usage total;
  for (const auto& pod : metrics) {
    Row row{std::string(namespace_of(pod)), std::string(name_of(pod)), "", {}};
    const auto* containers = find(pod, {"containers"});
    if (containers == nullptr || !containers->is_array()) continue;
    for (const auto& container : containers->get_array()) {
      const auto usage = usage_of(container);
      total += usage;
      row.usage += usage;
      if (style.containers) rows.push_back({row.ns, row.name, std::string(find_string(container, {"name"})), usage});
    }
    if (!style.containers) rows.push_back(std::move(row));
  }
  sort_rows(rows, style.sort_by);
  std::string out;
  if (style.headers) {
    out = fmt::format("{}{}NAME\tCPU(cores)\tMEMORY(bytes)\t\n", style.namespaces ? "NAMESPACE\t" : "",
                      style.containers ? "POD\t" : "");
  }
  for (const auto& row : rows) {
    if (style.namespaces) out += row.ns + "\t";
    out += row.name + "\t";
    if (style.containers) out += row.container + "\t";
    out += usage_text(row.usage) + "\n";
  }
  if (style.sum) {
    const auto blanks = std::string(style.namespaces ? "\t" : "") + (style.containers ? "\t" : "");
    out += fmt::format("{}\t________\t________\t\n{}\t{}\n", blanks, blanks, usage_text(total));
  }
  return align_tabs(out, 6, 3);
}

std::string top_nodes(const std::vector<json::value>& metrics, const std::vector<json::value>& nodes,
                      const TopStyle& style) {
  std::vector<Row> rows;
  rows.reserve(metrics.size());
  for (const auto& node : metrics) rows.push_back({"", std::string(name_of(node)), "", usage_of(node)});
  sort_rows(rows, style.sort_by);
  std::string out;
  if (style.headers) out = "NAME\tCPU(cores)\tCPU(%)\tMEMORY(bytes)\tMEMORY(%)\t\n";
  const auto share = [](std::int64_t used, std::int64_t of) {
    return of > 0 ? fmt::format("{}%", used * 100 / of) : "<unknown>";
  };
  for (const auto& row : rows) {
    Usage room;
    for (const auto& node : nodes) {
      if (name_of(node) != row.name) continue;
      room = {quantity(node, {"status", "allocatable", "cpu"}).milli(),
              quantity(node, {"status", "allocatable", "memory"}).value()};
    }
    out += fmt::format("{}\t{}m\t{}\t{}Mi\t{}\t\n", row.name, row.usage.milli_cpu,
                       share(row.usage.milli_cpu, room.milli_cpu), row.usage.bytes / kMebi,
                       share(row.usage.bytes, room.bytes));
  }
  return align_tabs(out, 6, 3);
}

}  // namespace berth::cli
