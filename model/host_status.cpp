// model/host_status.cpp - see host_status.hpp.
#include "model/host_status.hpp"

#include <type_traits>
#include <utility>

namespace berth::model {
namespace {

constexpr std::string_view kApiVersion = "berth/v1";
constexpr std::string_view kKind = "HostStatus";

/// Writes fields into an object; what is empty is left out.
class Writer {
 public:
  explicit Writer(json::object& into) : into_(into) {}

  void text(std::string_view name, const std::string& value) {
    if (!value.empty()) into_[name] = value;
  }
  template <typename Number>
  void number(std::string_view name, Number value) {
    into_[name] = value;
  }
  /// A number whose 0 means that it is not known.
  void line(std::string_view name, int value) {
    if (value > 0) into_[name] = value;
  }
  void flag(std::string_view name, bool value) {
    if (value) into_[name] = true;
  }
  void time(std::string_view name, const std::optional<WallTime>& value) {
    if (value) into_[name] = format_rfc3339(*value);
  }
  template <typename T>
  void part(std::string_view name, const T& value) {
    json::object out;
    visit(Writer(out), value);
    into_[name] = std::move(out);
  }
  /// Always there, so that a reader can tell none from an agent that does not say.
  template <typename T>
  void list(std::string_view name, const std::vector<T>& values) {
    json::array out;
    for (const auto& value : values) {
      json::object entry;
      visit(Writer(entry), value);
      out.push_back(std::move(entry));
    }
    into_[name] = std::move(out);
  }

 private:
  json::object& into_;
};

/// Reads them again; what is absent or of another type stays as it was.
class Reader {
 public:
  explicit Reader(const json::value& from) : from_(from) {}

  void text(std::string_view name, std::string& value) const {
    if (const auto* found = at(name); found != nullptr && found->is_string()) value = view(found->get_string());
  }
  template <typename Number>
  void number(std::string_view name, Number& value) const {
    const auto* found = at(name);
    if (found == nullptr) return;
    boost::system::error_code wrong;
    const auto number = found->to_number<Number>(wrong);
    if (!wrong) value = number;
  }
  void line(std::string_view name, int& value) const { number(name, value); }
  void flag(std::string_view name, bool& value) const {
    if (const auto* found = at(name); found != nullptr && found->is_bool()) value = found->get_bool();
  }
  void time(std::string_view name, std::optional<WallTime>& value) const {
    const auto* found = at(name);
    if (found == nullptr || !found->is_string()) return;
    if (const auto time = parse_rfc3339(view(found->get_string()))) value = *time;
  }
  template <typename T>
  void part(std::string_view name, T& value) const {
    if (const auto* found = at(name)) visit(Reader(*found), value);
  }
  template <typename T>
  void list(std::string_view name, std::vector<T>& values) const {
    const auto* found = at(name);
    if (found == nullptr || !found->is_array()) return;
    values.clear();
    for (const auto& entry : found->get_array()) visit(Reader(entry), values.emplace_back());
  }

 private:
  const json::value* at(std::string_view name) const { return find(from_, {name}); }

  const json::value& from_;
};

/// `T` as Writer (const) and Reader (not) take it.
template <typename T, typename Of>
constexpr bool is_a = std::is_same_v<std::remove_const_t<T>, Of>;

/// The names of all fields, once for both directions.
template <typename Way, typename T>
void visit(Way way, T& of) {
  if constexpr (is_a<T, HostProblem>) {
    way.text("subject", of.subject);
    way.line("line", of.line);
    way.text("message", of.message);
    way.flag("warning", of.warning);
    way.time("since", of.since);
  } else if constexpr (is_a<T, ContainerdStatus>) {
    way.text("address", of.address);
    way.text("version", of.version);
    way.text("error", of.error);
    way.time("since", of.since);
    way.list("silent", of.silent);
  } else if constexpr (is_a<T, StoreStatus>) {
    way.text("path", of.path);
    way.text("id", of.id);
    way.number("revision", of.revision);
    way.list("problems", of.problems);
    way.text("backupPath", of.backup_path);
    way.time("backupAt", of.backup_at);
  } else if constexpr (is_a<T, SourceStatus>) {
    way.text("name", of.name);
    way.number("files", of.files);
    way.number("objects", of.objects);
    way.time("readAt", of.read_at);
    way.text("error", of.error);
    way.time("errorSince", of.error_since);
    way.list("problems", of.problems);
  } else if constexpr (is_a<T, Stranger>) {
    way.text("uid", of.uid);
    way.text("namespace", of.ns);
    way.text("name", of.name);
    way.text("why", of.why);
  } else if constexpr (is_a<T, DiskStatus>) {
    way.text("path", of.path);
    way.number("totalBytes", of.total_bytes);
    way.number("freeBytes", of.free_bytes);
    way.text("error", of.error);
  } else {
    static_assert(is_a<T, HostStatus>);
    way.text("version", of.version);
    way.text("node", of.node);
    way.time("startedAt", of.started_at);
    way.part("containerd", of.containerd);
    way.part("store", of.store);
    way.list("sources", of.sources);
    way.list("strangers", of.strangers);
    way.list("logs", of.logs);
    way.list("cluster", of.cluster);
    way.list("disks", of.disks);
  }
}

}  // namespace

json::object encode_host_status(const HostStatus& status) {
  json::object out{{"kind", kKind}, {"apiVersion", kApiVersion}};
  visit(Writer(out), status);
  return out;
}

Result<HostStatus> decode_host_status(const json::value& document) {
  if (find_string(document, {"kind"}) != kKind) return Error(ErrorCode::InvalidArgument, "not a HostStatus");
  HostStatus out;
  visit(Reader(document), out);
  return out;
}

}  // namespace berth::model
