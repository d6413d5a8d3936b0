// cli/server.cpp - the agent as a collection of objects.
#include "cli/server.hpp"

#include <fmt/format.h>

#include "cli/messages.hpp"
#include "cli/resources.hpp"

namespace berth::cli {

namespace {

constexpr std::int64_t kVerboseLevel = 6;

/// Pieces of a body in, JSON lines out.
class Lines {
 public:
  explicit Lines(const std::function<bool(std::string_view)>& take) : take_(take) {}

  bool add(std::string_view piece) {
    pending_ += piece;
    std::size_t start = 0;
    for (auto end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n', start)) {
      if (!take_(std::string_view(pending_).substr(start, end - start))) return false;
      start = end + 1;
    }
    pending_.erase(0, start);
    return true;
  }

 private:
  const std::function<bool(std::string_view)>& take_;
  std::string pending_;
};

}  // namespace

Server::Server(const Global& global) : client_(global.socket, global.verbosity.value_or(0) >= kVerboseLevel) {
  if (global.request_timeout && global.request_timeout->count() > 0) timeout_ = global.request_timeout;
}

Result<json::value> Server::call(std::string method, std::string target, std::string_view accept,
                                 std::string_view content_type, std::string body) const {
  Request request{.method = std::move(method),
                  .target = std::move(target),
                  .accept = std::string(accept),
                  .content_type = std::string(content_type),
                  .body = std::move(body),
                  .deadline = {}};
  if (timeout_) request.deadline = std::chrono::steady_clock::now() + *timeout_;
  auto reply = client_.send(request);
  if (!reply) return reply.error();
  return read_reply(*reply);
}

Result<json::value> Server::get(const model::KindInfo& kind, std::string_view ns, std::string_view name,
                                std::string_view accept) const {
  return call("GET", resource_path(kind, ns, name), accept, "", "");
}

Result<json::value> Server::list(const model::KindInfo& kind, std::string_view ns, const Selection& selection,
                                 std::string_view accept) const {
  return call("GET", resource_path(kind, ns, "") + selection_query(selection), accept, "", "");
}

Result<json::value> Server::create(const std::string& path, const json::value& object) const {
  return call("POST", path, kJson, kJson, json::serialize(object));
}

Result<json::value> Server::patch(const std::string& path, std::string_view content_type, std::string body) const {
  return call("PATCH", path, kJson, content_type, std::move(body));
}

Result<json::value> Server::replace(const std::string& path, const json::value& object) const {
  return call("PUT", path, kJson, kJson, json::serialize(object));
}

Result<json::value> Server::remove(const std::string& path, const json::object& options) const {
  return call("DELETE", path, kJson, kJson, json::serialize(options));
}

Result<json::value> Server::read(std::string path, std::string_view accept) const {
  return call("GET", std::move(path), accept, "", "");
}

Status Server::watch(const model::KindInfo& kind, std::string_view ns, const Selection& selection,
                     std::string_view version, const Deadline& deadline,
                     const std::function<bool(std::string_view, const json::value&)>& take,
                     std::string_view accept) const {
  auto target = resource_path(kind, ns, "") + selection_query(selection);
  target += target.find('?') == std::string::npos ? '?' : '&';
  target += fmt::format("watch=true&resourceVersion={}", url_encode(version));
  std::optional<Error> failure;
  const std::function<bool(std::string_view)> on_line = [&](std::string_view line) {
    const auto event = parse_json(line);
    if (!event) return true;
    const auto* object = find(*event, {"object"});
    const auto type = find_string(*event, {"type"});
    if (object == nullptr || type == "BOOKMARK") return true;
    if (type == "ERROR") {
      failure = server_error(static_cast<unsigned>(number_at(*object, {"code"}, 0)), *object);
      return false;
    }
    return take(type, *object);
  };
  Lines lines(on_line);
  auto reply = client_.stream({.method = "GET",
                               .target = std::move(target),
                               .accept = std::string(accept),
                               .content_type = {},
                               .body = {},
                               .deadline = deadline},
                              [&](std::string_view piece) { return lines.add(piece); });
  if (!reply) return reply.error();
  if (reply->code >= 300) {
    if (auto read = read_reply(*reply); !read) return read.error();
  }
  if (failure) return *failure;
  return Ok{};
}

std::string selection_query(const Selection& selection) {
  std::string out;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) out += fmt::format("{}{}={}", out.empty() ? '?' : '&', name, url_encode(value));
  };
  add("labelSelector", selection.labels);
  add("fieldSelector", selection.fields);
  return out;
}

const json::array& items_of(const json::value& list) {
  static const json::array kNone;
  const auto* items = find(list, {"items"});
  return items != nullptr && items->is_array() ? items->get_array() : kNone;
}

std::string_view name_of(const json::value& object) { return find_string(object, {"metadata", "name"}); }
std::string_view namespace_of(const json::value& object) { return find_string(object, {"metadata", "namespace"}); }
std::string_view uid_of(const json::value& object) { return find_string(object, {"metadata", "uid"}); }

std::int64_t number_at(const json::value& object, std::initializer_list<std::string_view> path, std::int64_t fallback) {
  const auto* value = find(object, path);
  if (value == nullptr) return fallback;
  if (value->is_int64()) return value->get_int64();
  if (value->is_uint64()) return static_cast<std::int64_t>(value->get_uint64());
  return fallback;
}

}  // namespace berth::cli
