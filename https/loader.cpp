// https/loader.cpp - see https/loader.hpp.
#include "https/loader.hpp"

#include "base/module.hpp"

namespace berth::https {
namespace {

Result<const HttpsModule*> load() {
  const auto entry = load_module("berth-https.so", "berth_https_module");
  if (!entry) return entry.error().context("HTTPS support");
  return reinterpret_cast<const HttpsModule* (*)()>(*entry)();
}

}  // namespace

Result<const HttpsModule*> https_module() {
  static const Result<const HttpsModule*> module = load();
  return module;
}

}  // namespace berth::https
