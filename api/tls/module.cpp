// api/tls/module.cpp - the one symbol that is looked up.
#include "api/tls/module.hpp"

extern "C" __attribute__((visibility("default"))) const berth::api::TlsModule* berth_tls_module() {
  static const berth::api::TlsModule module{&berth::api::ensure_pki, &berth::api::start_gateway,
                                            &berth::api::make_host_authority, &berth::api::sign_host};
  return &module;
}
