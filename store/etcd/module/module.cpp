// store/etcd/module/module.cpp - the one symbol that etcd_client.cpp looks for.
#include "store/etcd/module/certificate.hpp"
#include "store/etcd/module/client.hpp"

extern "C" __attribute__((visibility("default"))) const berth::store::etcd::EtcdModule* berth_etcd_module() {
  static const berth::store::etcd::EtcdModule module = {
      &berth::store::etcd::open_client, &berth::store::etcd::read_certificates, &berth::store::etcd::renew_certificate};
  return &module;
}
