// https/url_request.hpp - what a manifest behind an HTTP(S) address is asked with.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

namespace berth::https {

struct UrlRequest {
  std::string url;
  std::chrono::milliseconds timeout{10'000};  ///< For the whole answer.
  std::filesystem::path ca_file = {};         ///< PEM; empty: the host's certificates.
  std::filesystem::path token_file = {};      ///< Sent as bearer token; read again for each request.
  std::size_t max_size = 4 * 1024 * 1024;     ///< Octets of the body.
};

}  // namespace berth::https
