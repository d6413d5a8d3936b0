// network/nft.cpp - libnftables for changes, nfnetlink for the question whether a table is there.
#include "network/nft.hpp"

#include <netinet/in.h>  // Must come before <linux/in.h>, which defines the same structs unless this one did.

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <nftables/libnftables.h>

#include <algorithm>
#include <memory>

namespace berth::network {
namespace {

struct FreeContext {
  void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};
struct FreeSocket {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};

}  // namespace

std::mutex& nft_mutex() {
  static std::mutex mutex;
  return mutex;
}

Status run_nft(const std::string& commands, std::string_view doing) {
  const std::unique_ptr<nft_ctx, FreeContext> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context) return Error(ErrorCode::ResourceExhausted, fmt::format("{}: out of memory", doing));
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) == 0) return Ok{};

  const char* said = nft_ctx_get_error_buffer(context.get());
  std::string text = said == nullptr ? "" : said;
  text.resize(std::min(text.find('\n'), std::min<std::size_t>(text.size(), 300)));
  // libnftables gives no number, only words.
  auto code = ErrorCode::Unknown;
  if (text.find("Operation not permitted") != std::string::npos) code = ErrorCode::PermissionDenied;
  if (text.find("not supported") != std::string::npos) code = ErrorCode::Unimplemented;
  return Error(code, fmt::format("{}: nft: {}", doing, text.empty() ? "failed" : text));
}

Result<bool> nft_table_present(const std::string& table) {
  const auto doing = "look for nftables table " + table;
  const std::unique_ptr<nl_sock, FreeSocket> socket(nl_socket_alloc());
  if (!socket) return Error(ErrorCode::ResourceExhausted, doing + ": out of memory");
  int error = nl_connect(socket.get(), NETLINK_NETFILTER);
  if (error < 0) return Error(ErrorCode::Unknown, fmt::format("{}: {}", doing, nl_geterror(error)));

  nl_msg* message = nlmsg_alloc_simple((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE, 0);
  if (message == nullptr) return Error(ErrorCode::ResourceExhausted, doing + ": out of memory");
  nfgenmsg header{};
  header.nfgen_family = NFPROTO_IPV4;
  header.version = NFNETLINK_V0;
  error = nlmsg_append(message, &header, sizeof header, NLMSG_ALIGNTO);
  if (error >= 0) error = nla_put_string(message, NFTA_TABLE_NAME, table.c_str());
  if (error < 0) {
    nlmsg_free(message);
    return Error(ErrorCode::ResourceExhausted, doing + ": out of memory");
  }
  error = nl_send_sync(socket.get(), message);  // Frees the message.
  if (error >= 0) return true;
  if (error == -NLE_OBJ_NOTFOUND) return false;
  return Error(error == -NLE_PERM ? ErrorCode::PermissionDenied : ErrorCode::Unknown,
               fmt::format("{}: {}", doing, nl_geterror(error)));
}

}  // namespace berth::network
