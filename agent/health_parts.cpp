// agent/health_parts.cpp - see health_parts.hpp.
#include "agent/health_parts.hpp"

namespace berth::agent {
namespace {

Status of_store(const std::vector<store::StoreProblem>& problems) {
  auto store = Status(Ok{});
  for (const auto& problem : problems) {
    // Rows that cannot be read count for nobody; the file itself, or its copy, is what a load balancer should know of.
    if (problem.kind.empty()) store = Error(ErrorCode::Unavailable, problem.what + " " + problem.reason);
  }
  return store;
}

/// One that cannot be read now was looked at: pods run on without it.
Status of_sources(const std::vector<model::SourceStatus>& all) {
  auto sources = Status(Ok{});
  for (const auto& source : all) {
    if (!source.read_at && source.error.empty()) {
      sources = Error(ErrorCode::Unavailable, source.name + " was not read yet");
    }
  }
  return sources;
}

}  // namespace

std::vector<std::pair<std::string, Status>> health_parts(const HealthFacts& facts) {
  const auto recovery =
      facts.recovered ? Status(Ok{}) : Error(ErrorCode::Unavailable, "what runs here is not known yet");
  return {{"containerd", facts.containerd},
          {"store", of_store(facts.store)},
          {"recovery", recovery},
          {"sources", of_sources(facts.sources)}};
}

}  // namespace berth::agent
