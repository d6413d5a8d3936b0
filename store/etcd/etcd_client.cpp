// store/etcd/etcd_client.cpp - see etcd_client.hpp.
#include "store/etcd/etcd_client.hpp"

#include "base/module.hpp"

namespace berth::store::etcd {
namespace {

Result<const EtcdModule*> load() {
  const auto entry = load_module("berth-etcd.so", "berth_etcd_module");
  if (!entry) return entry.error().context("support for etcd");
  return reinterpret_cast<const EtcdModule* (*)()>(*entry)();
}

}  // namespace

KeyRange KeyRange::below(std::string prefix) {
  auto end = prefix;
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) return {std::move(prefix), std::string(1, '\0')};  // etcd: everything from there on
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return {std::move(prefix), std::move(end)};
}

Result<const EtcdModule*> etcd_module() {
  static const Result<const EtcdModule*> module = load();
  return module;
}

}  // namespace berth::store::etcd
