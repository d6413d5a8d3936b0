// agent/https/url_options.hpp - what a manifest behind an HTTP(S) address is asked with.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "model/model.hpp"

namespace berth::agent {

struct UrlSourceOptions {
  std::string url;
  std::chrono::milliseconds interval{30'000};
  std::chrono::milliseconds timeout{10'000};  ///< For the whole answer.
  std::filesystem::path ca_file;              ///< PEM; empty: the host's certificates.
  std::filesystem::path token_file;           ///< Sent as bearer token; read again for each request.
  model::ManifestLimits limits;
};

}  // namespace berth::agent
