// store/etcd/module/client_tls.cpp - see client_tls.hpp.
#include "store/etcd/module/client_tls.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

namespace berth::store::etcd {
namespace {

/// Changes when a file is replaced or written: inode, size and times.
std::string fingerprint(const EtcdAccess& access) {
  std::string out;
  for (const auto* file : {&access.ca_file, &access.cert_file, &access.key_file}) {
    struct stat info {};
    if (file->empty() || ::stat(file->c_str(), &info) != 0) info = {};
    out += fmt::format("{}:{}:{}.{};", info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<ClientTls>> ClientTls::make(const EtcdAccess& access) {
  auto files = fingerprint(access);
  auto context = make_tls_context(access);
  if (!context) return std::move(context).error();
  return std::make_unique<ClientTls>(
      EtcdAccess{.ca_file = access.ca_file, .cert_file = access.cert_file, .key_file = access.key_file},
      *std::move(context), std::move(files));
}

TlsContext ClientTls::context() {
  const std::scoped_lock lock(mutex_);
  if (auto files = fingerprint(access_); files != files_) {
    if (auto made = make_tls_context(access_)) {
      context_ = *std::move(made);
      files_ = std::move(files);
    }
  }
  ::SSL_CTX_up_ref(context_.get());
  return TlsContext(context_.get());
}

}  // namespace berth::store::etcd
