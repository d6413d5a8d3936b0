// agent/sources/source_url.hpp - a manifest behind an HTTP(S) address, asked for now and then.
#pragma once

#include <chrono>
#include <memory>

#include "agent/sources/source_snapshot.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "https/url_request.hpp"

namespace berth::agent {

struct UrlSourceOptions {
  https::UrlRequest request;
  std::string name;  ///< The source's; empty: the URL's own.
  std::chrono::milliseconds interval{30'000};
  model::Hosts hosts = model::Hosts::Alone;
};

/// Asks every `interval` with If-None-Match. Whatever fails (no answer, a status other than 200 or 304, a body over
/// the limit) gives an incomplete snapshot, which changes nothing. `on_snapshot` runs on the loop after each answer
/// that is not "not modified"; requests run on `lane`, which must end before `loop` does.
std::unique_ptr<Source> make_url_source(Loop& loop, Lane& lane, UrlSourceOptions options, OnSnapshot on_snapshot);

}  // namespace berth::agent
