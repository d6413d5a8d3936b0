// tests/fuzz/fuzz_http.cpp - any bytes as a request's head and as a body in chunks, whole and in pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/http/chunked_body.hpp"
#include "api/http/head_scanner.hpp"
#include "api/http/request_head.hpp"

namespace {

using namespace berth::api;

constexpr std::size_t kLimit = 4096;

void expect(bool holds) {
  if (!holds) std::abort();
}

struct Scanned {
  unsigned code = 0;
  std::size_t size = 0;
  bool operator==(const Scanned&) const = default;
};

Scanned scan(std::string_view bytes, std::size_t at_once) {
  HeadScanner scanner(kLimit);
  for (std::size_t size = 0; size < bytes.size();) {
    size = std::min(size + at_once, bytes.size());
    const auto end = scanner.look(bytes.substr(0, size));
    if (!end) return {end.error().code, 0};
    if (*end) return {200, **end};
  }
  return {};
}

void as_head(std::string_view bytes, std::size_t at_once) {
  const auto whole = scan(bytes, bytes.size() + 1);
  expect(whole == scan(bytes, at_once));
  if (whole.code != 200) return;
  expect(whole.size <= kLimit && bytes.substr(0, whole.size).ends_with("\r\n\r\n"));
  const auto head = parse_head(bytes.substr(0, whole.size));
  if (!head) return expect(head.error().code == 400);
  expect(!head->chunked || head->content_length == 0);
  expect(!head->request.target.empty() && head->request.protocols.size() <= 16);
}

struct Read {
  unsigned code = 0;
  std::size_t taken = 0;
  std::string text;
  bool operator==(const Read&) const = default;
};

Read chunks(std::string_view bytes, std::size_t at_once) {
  ChunkedBody body(kLimit);
  Read out;
  while (!bytes.empty() && !body.ended()) {
    const auto taken = body.take(bytes.substr(0, at_once));
    if (!taken) return {taken.error().code, 0, {}};
    out.taken += *taken;
    bytes.remove_prefix(*taken);
  }
  out.code = body.ended() ? 200 : 0;
  out.text = body.take_text();
  return out;
}

void as_chunks(std::string_view bytes, std::size_t at_once) {
  const auto whole = chunks(bytes, bytes.size() + 1);
  expect(whole == chunks(bytes, at_once));
  expect(whole.text.size() <= kLimit);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
  const std::size_t at_once = 1 + data[1] % 16;
  if (data[0] % 2 == 0) {
    as_head(text, at_once);
  } else {
    as_chunks(text, at_once);
  }
  return 0;
}
