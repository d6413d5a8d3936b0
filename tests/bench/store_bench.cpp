// tests/bench/store_bench.cpp - how long a store of many objects takes to open, to list and to write to.
//
//   store_bench [OBJECTS]      default 10000
//
// Prints "name,value,unit,budget" lines. The store lies in TMPDIR.
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "model/model.hpp"
#include "store/store.hpp"

namespace {

using namespace berth;
namespace fs = std::filesystem;

constexpr int kRounds = 5;

[[noreturn]] void fail(const std::string& what) {
  fmt::print(stderr, "store_bench: {}\n", what);
  std::exit(1);
}

/// Half of them pods with a status, as a host has them; a quarter config maps of 1 KiB; a quarter claims.
json::object object(int number) {
  const auto name = fmt::format("object-{:05}", number);
  const json::object metadata{{"name", name}, {"namespace", "bench"}, {"labels", {{"app", "bench"}}}};
  if (number % 4 == 0) {
    return {{"apiVersion", "v1"},
            {"kind", "ConfigMap"},
            {"metadata", metadata},
            {"data", {{"text", std::string(1024, 'x')}}}};
  }
  if (number % 4 == 1) {
    return {{"apiVersion", "v1"},
            {"kind", "PersistentVolumeClaim"},
            {"metadata", metadata},
            {"spec",
             {{"accessModes", json::array{"ReadWriteOnce"}},
              {"resources", {{"requests", {{"storage", "1Gi"}}}}},
              {"volumeName", "v"}}},
            {"status", {{"phase", "Bound"}}}};
  }
  json::object status{
      {"phase", "Running"},
      {"podIP", "10.98.0.2"},
      {"conditions",
       json::array{{{"type", "Ready"}, {"status", "True"}, {"lastTransitionTime", "2026-11-28T12:00:00Z"}}}},
      {"containerStatuses",
       json::array{{{"name", "main"}, {"ready", true}, {"restartCount", 0}, {"image", "busybox:1.35"}}}}};
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", metadata},
          {"spec",
           {{"nodeName", "bench"},
            {"containers",
             json::array{{{"name", "main"}, {"image", "busybox:1.35"}, {"command", json::array{"sleep", "1000"}}}}}}},
          {"status", std::move(status)}};
}

std::unique_ptr<store::Store> open(const fs::path& file) {
  auto opened = store::open_sqlite_store(file);
  if (!opened) fail(opened.error().message());
  return *std::move(opened);
}

void fill(store::Store& into, int objects) {
  std::atomic<int> failed{0};
  for (int number = 0; number < objects; ++number) {
    auto made = model::make_object(object(number));
    if (!made) fail(made.error().message());
    into.create(*std::move(made), Durability::Lazy, [&failed](const Result<model::ObjectPtr>& result) {
      if (!result) ++failed;
    });
  }
  if (auto flushed = into.flush(); !flushed) fail(flushed.error().message());
  if (failed != 0) fail(fmt::format("{} objects were not taken", failed.load()));
}

/// Milliseconds of the median of some rounds.
double timed(const std::function<void()>& what) {
  std::vector<double> times;
  for (int round = 0; round < kRounds; ++round) {
    const auto began = std::chrono::steady_clock::now();
    what();
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

void result(const std::string& name, double value, const char* unit, const char* budget = "") {
  fmt::print("\"{}\",{:.4g},{},{}\n", name, value, unit, budget);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int objects = argc > 1 ? std::atoi(argv[1]) : 10'000;
  if (objects <= 0) fail("how many objects?");
  auto pattern = (fs::temp_directory_path() / "store-bench-XXXXXX").native();
  if (::mkdtemp(pattern.data()) == nullptr) fail("no temporary directory");
  const fs::path directory = pattern;
  const auto file = directory / "berth.db";

  const auto began = std::chrono::steady_clock::now();
  {
    const auto filled = open(file);
    fill(*filled, objects);
  }
  const auto filling = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  result(fmt::format("store: {} objects written, lazily", objects), objects / filling, "1/s");
  result(fmt::format("store: start with {} objects", objects), timed([&] { open(file); }), "ms", "1000");

  const auto opened = open(file);
  result(fmt::format("store: list of the pods among {} objects", objects), timed([&] {
           if (opened->list(model::Kind::Pod).objects.empty()) fail("no pods");
         }),
         "ms");
  int serial = objects;
  result(fmt::format("store: one durable write beside {} objects", objects), timed([&] {
           auto made = model::make_object(object(++serial));
           if (!made) fail(made.error().message());
           if (auto done = store::create_and_wait(*opened, *std::move(made)); !done) fail(done.error().message());
         }),
         "ms");
  fs::remove_all(directory);
  return 0;
}
