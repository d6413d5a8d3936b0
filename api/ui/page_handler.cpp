// api/ui/page_handler.cpp - see page_handler.hpp.
#include "api/ui/page_handler.hpp"

#include <fmt/format.h>

#include "api/request/api_error.hpp"
#include "api/ui/page_files.hpp"
#include "base/atomic_file.hpp"
#include "base/fnv.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kMaxFileBytes = 1024 * 1024;

/// Nothing but our own files runs, nothing is sent elsewhere, nobody frames the page: what a pod's name or log says
/// stays text, and code of ours that would take it for HTML does not run (trusted types, where browsers know them).
void add_policy(HttpHeaders& headers) {
  headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
      "trusted-types 'none'");
  headers.emplace_back("Referrer-Policy", "no-referrer");
  headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
}

HttpResponse read_page(const PageFile& file, std::string_view known) {
  auto content = read_file(page_directory() / file.name, kMaxFileBytes);
  if (!content) return to_response(path_not_found());
  HttpResponse response;
  add_policy(response.headers);
  response.content_type = file.content_type;
  const auto tag = fmt::format("\"{:016x}\"", Fnv1a().add(*content).value());
  response.headers.emplace_back("ETag", tag);
  if (known == tag) {
    response.code = 304;
  } else {
    response.body = *std::move(content);
  }
  return response;
}

}  // namespace

bool handle_page(ApiContext& context, const Target& target, const HttpRequest& request, const Respond& respond) {
  const auto& segments = target.segments;
  if (segments.empty() || segments[0] != "ui") return false;
  const auto* file = segments.size() > 2 ? nullptr : page_file(segments.size() == 2 ? segments[1] : "");
  if (file == nullptr || request.method != Method::Get) {
    respond(to_response(file == nullptr ? path_not_found() : method_not_allowed()));
    return true;
  }
  context.lane.run([file, known = request.if_none_match, post = context.reactor.post(), respond] {
    // A function is copied, an answer is not.
    auto response = std::make_shared<HttpResponse>(read_page(*file, known));
    post([respond, response] { respond(std::move(*response)); });
  });
  return true;
}

}  // namespace berth::api
