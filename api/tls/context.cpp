// api/tls/context.cpp - certificate, key, CAs and protocol versions of the listener and of our own connections, as
// OpenSSL takes them.
#include "api/tls/context.hpp"

#include <fmt/format.h>
#include <openssl/err.h>

#include <string_view>

#include "api/tls/certificate.hpp"

namespace berth::api {

namespace {

/// For TLS 1.2; those of TLS 1.3 are all right as they are.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kHttp11 = "\x08http/1.1";
/// Chain of the other side's certificate.
constexpr int kVerifyDepth = 4;

int choose_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned int offered_size, void* /*user*/) {
  unsigned char* chosen = nullptr;
  const auto found = ::SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(kHttp11.data()),
                                             static_cast<unsigned>(kHttp11.size()), offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301, section 3.2
}

Error bad(const std::string& what) { return openssl_error(ErrorCode::InvalidArgument, what); }

/// What both sides have in common.
Status set_up(SSL_CTX* context, const std::filesystem::path& certificate_file, const std::filesystem::path& key_file) {
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  ::SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_verify_depth(context, kVerifyDepth);
  if (::SSL_CTX_set_cipher_list(context, kCiphers) != 1) return bad("choose ciphers");
  // A key with a passphrase must fail, not ask on the terminal.
  ::SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });
  if (::SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return bad(fmt::format("certificate {}", certificate_file.string()));
  }
  if (::SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      ::SSL_CTX_check_private_key(context) != 1) {
    return bad(fmt::format("key {} of certificate {}", key_file.string(), certificate_file.string()));
  }
  return Ok{};
}

}  // namespace

Result<Context> make_context(const TlsOptions& options) {
  ::ERR_clear_error();
  Context made(::SSL_CTX_new(::TLS_server_method()));
  auto* context = made.get();
  if (context == nullptr) return bad("start TLS");
  if (auto ready = set_up(context, options.certificate_file, options.key_file); !ready) return ready.error();
  // Tickets only: what clients remember costs us nothing.
  ::SSL_CTX_set_num_tickets(context, 1);
  static constexpr std::string_view kSessions = "berth";
  ::SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(kSessions.data()),
                                   static_cast<unsigned>(kSessions.size()));
  ::SSL_CTX_set_alpn_select_cb(context, &choose_protocol, nullptr);
  // Certificates are asked for and not required: tokens do as well.
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  auto* names = sk_X509_NAME_new_null();
  ::SSL_CTX_set_client_CA_list(context, names);  // takes it
  for (const auto& file : options.client_ca_files) {
    if (::SSL_CTX_load_verify_file(context, file.c_str()) != 1 ||
        ::SSL_add_file_cert_subjects_to_stack(names, file.c_str()) != 1) {
      return bad(fmt::format("client CA {}", file.string()));
    }
  }
  return made;
}

Result<Context> make_host_context(const HostPki& hosts) {
  ::ERR_clear_error();
  Context made(::SSL_CTX_new(::TLS_client_method()));
  auto* context = made.get();
  if (context == nullptr) return bad("start TLS");
  if (auto ready = set_up(context, hosts.certificate_file, hosts.key_file); !ready) return ready.error();
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  // 0 is success here, unlike everywhere else.
  if (::SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(kHttp11.data()),
                                static_cast<unsigned>(kHttp11.size())) != 0) {
    return bad("choose HTTP/1.1");
  }
  if (::SSL_CTX_load_verify_file(context, hosts.ca_file.c_str()) != 1) {
    return bad(fmt::format("hosts' CA {}", hosts.ca_file.string()));
  }
  return made;
}

}  // namespace berth::api
