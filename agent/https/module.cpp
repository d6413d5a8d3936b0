// agent/https/module.cpp - the one symbol that is looked up.
#include "agent/https/module.hpp"

extern "C" __attribute__((visibility("default"))) const berth::agent::HttpsModule* berth_https_module() {
  static const berth::agent::HttpsModule module{&berth::agent::fetch_url, &berth::agent::open_tls_stream};
  return &module;
}
