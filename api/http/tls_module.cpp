// api/http/tls_module.cpp - TLS and certificates, loaded when TLS is configured.
#include "api/http/tls_module.hpp"

#include "base/module.hpp"

namespace berth::api {

namespace {

Result<const TlsModule*> load() {
  const auto entry = load_module("berth-tls.so", "berth_tls_module");
  if (!entry) return entry.error().context("TLS support");
  return reinterpret_cast<const TlsModule* (*)()>(*entry)();
}

}  // namespace

Result<const TlsModule*> tls_module() {
  static const Result<const TlsModule*> module = load();
  return module;
}

}  // namespace berth::api
