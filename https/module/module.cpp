// https/module/module.cpp - the one symbol that is looked up.
#include "https/module/module.hpp"

extern "C" __attribute__((visibility("default"))) const berth::https::HttpsModule* berth_https_module() {
  static const berth::https::HttpsModule module{&berth::https::fetch_url, &berth::https::open_tls_stream,
                                                &berth::https::post_pinned, &berth::https::make_request,
                                                &berth::https::certificate_facts};
  return &module;
}
