// network/wireguard.cpp - requests and answers of WireGuard's netlink family, by libnl's core alone.
#include "network/wireguard.hpp"

#include <fmt/format.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/atomic_file.hpp"
#include "model/base64.hpp"

namespace berth::network {
namespace {

static_assert(WG_KEY_LEN == std::tuple_size_v<WireGuardKey>);

using Attributes = std::vector<nlattr*>;
using OnMessage = std::function<void(nlmsghdr*)>;

Error failure(int nl_error, std::string_view doing) {
  const int positive = nl_error < 0 ? -nl_error : nl_error;
  auto code = ErrorCode::Unknown;
  if (positive == NLE_NODEV || positive == NLE_OBJ_NOTFOUND) code = ErrorCode::NotFound;
  if (positive == NLE_OPNOTSUPP) code = ErrorCode::Unimplemented;
  if (positive == NLE_PERM || positive == NLE_NOACCESS) code = ErrorCode::PermissionDenied;
  if (positive == NLE_INVAL || positive == NLE_RANGE) code = ErrorCode::InvalidArgument;
  return {code, fmt::format("{}: {}", doing, nl_geterror(positive))};
}

/// What has come for one request so far.
struct Answer {
  const OnMessage* on_message;
  bool done = false;
  int error = 0;
};

int on_valid(nl_msg* message, void* to) {
  (*static_cast<Answer*>(to)->on_message)(nlmsg_hdr(message));
  return NL_OK;
}

int on_end(nl_msg*, void* to) {
  static_cast<Answer*>(to)->done = true;
  return NL_STOP;
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* to) {
  auto& answer = *static_cast<Answer*>(to);
  answer.done = true;
  answer.error = -nl_syserr2nlerr(error->error);
  return NL_STOP;
}

/// Sends it and hears everything that is answered. Negative: libnl's number of what went wrong.
int ask(nl_sock* socket, nl_msg* request, const OnMessage& on_message) {
  if (const int sent = nl_send_auto(socket, request); sent < 0) return sent;
  Answer answer{&on_message};
  const std::unique_ptr<nl_cb, void (*)(nl_cb*)> callbacks(nl_cb_alloc(NL_CB_DEFAULT), nl_cb_put);
  if (!callbacks) return -NLE_NOMEM;
  nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_valid, &answer);
  nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_end, &answer);
  nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end, &answer);
  nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &answer);
  while (!answer.done) {
    if (const int got = nl_recvmsgs(socket, callbacks.get()); got < 0) return got;
  }
  return answer.error;
}

/// By number; those above `most` are none that we know.
Attributes attributes_of(nlattr* first, int size, std::size_t most) {
  Attributes all(most + 1);
  int left = size;
  for (auto* each = first; nla_ok(each, left) != 0; each = nla_next(each, &left)) {
    const auto type = static_cast<std::size_t>(nla_type(each));
    if (type <= most) all[type] = each;
  }
  return all;
}
Attributes attributes_in(nlattr* nest, std::size_t most) {
  return attributes_of(static_cast<nlattr*>(nla_data(nest)), nla_len(nest), most);
}
Attributes attributes_in(nlmsghdr* message, std::size_t most) {
  return attributes_of(nlmsg_attrdata(message, sizeof(genlmsghdr)), nlmsg_attrlen(message, sizeof(genlmsghdr)), most);
}

template <typename Each>
void for_each_in(nlattr* nest, const Each& each) {
  if (nest == nullptr) return;
  int left = nla_len(nest);
  for (auto* at = static_cast<nlattr*>(nla_data(nest)); nla_ok(at, left) != 0; at = nla_next(at, &left)) each(at);
}

std::optional<WireGuardKey> key_in(nlattr* attribute) {
  WireGuardKey key{};
  if (attribute == nullptr || nla_len(attribute) != static_cast<int>(key.size())) return std::nullopt;
  std::memcpy(key.data(), nla_data(attribute), key.size());
  return key;
}

/// 0.0.0.0 when it is not where our hosts listen.
IpAddress host_in(nlattr* endpoint) {
  sockaddr_in address{};
  if (endpoint == nullptr || nla_len(endpoint) < static_cast<int>(sizeof address)) return {};
  std::memcpy(&address, nla_data(endpoint), sizeof address);
  if (address.sin_family != AF_INET || ntohs(address.sin_port) != kWireGuardPort) return {};
  return IpAddress::v4(ntohl(address.sin_addr.s_addr));
}

std::optional<Cidr> block_in(nlattr* allowed) {
  const auto fields = attributes_in(allowed, WGALLOWEDIP_A_MAX);
  const auto* address = fields[WGALLOWEDIP_A_IPADDR];
  const auto* mask = fields[WGALLOWEDIP_A_CIDR_MASK];
  if (address == nullptr || mask == nullptr || nla_len(address) != 4) return std::nullopt;
  const auto* bytes = static_cast<const std::uint8_t*>(nla_data(address));
  return Cidr::around(IpAddress::from_bytes({bytes, 4}), nla_get_u8(mask));
}

}  // namespace

/// One request, and its attributes.
struct WireGuard::Message {
  Message(int family, std::uint8_t command, std::uint8_t version, int flags)
      : message(nlmsg_alloc_simple(family, NLM_F_REQUEST | flags), nlmsg_free) {
    if (!message) return;
    genlmsghdr header{command, version, 0};
    note(nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO));
  }

  void put(int type, std::span<const std::uint8_t> bytes) {
    note(message ? nla_put(message.get(), type, static_cast<int>(bytes.size()), bytes.data()) : -NLE_NOMEM);
  }
  template <typename Number>
  void put_number(int type, Number number) {
    note(message ? nla_put(message.get(), type, sizeof number, &number) : -NLE_NOMEM);
  }
  void put_text(int type, const std::string& text) {
    note(message ? nla_put_string(message.get(), type, text.c_str()) : -NLE_NOMEM);
  }
  template <typename Fill>
  void nest(int type, const Fill& fill) {
    auto* begun = message ? nla_nest_start(message.get(), type | NLA_F_NESTED) : nullptr;
    if (begun == nullptr) return note(-NLE_NOMEM);
    fill();
    nla_nest_end(message.get(), begun);
  }
  void note(int result) {
    if (error == 0 && result < 0) error = result;
  }

  int send(nl_sock* socket, const OnMessage& on_message) const {
    if (!message) return -NLE_NOMEM;
    return error != 0 ? error : ask(socket, message.get(), on_message);
  }

  std::unique_ptr<nl_msg, void (*)(nl_msg*)> message;
  int error = 0;
};

Result<WireGuardKey> parse_wireguard_key(std::string_view text) {
  const auto bytes = model::decode_base64(text);
  WireGuardKey key{};
  if (!bytes || bytes->size() != key.size()) {
    return Error(ErrorCode::InvalidArgument, "not a WireGuard key: 32 bytes in base64");
  }
  std::memcpy(key.data(), bytes->data(), key.size());
  return key;
}

std::string text_of(const WireGuardKey& key) {
  return model::encode_base64({reinterpret_cast<const char*>(key.data()), key.size()});  // NOLINT(*-reinterpret-cast)
}

Result<WireGuardKey> private_key_in(const std::filesystem::path& file) {
  auto text = read_file(file);
  if (failed_with(text, ErrorCode::NotFound)) {
    WireGuardKey key{};
    if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) {
      return Error::from_errno(errno, "make a WireGuard key");
    }
    if (auto written = write_file(file, text_of(key) + "\n", 0600, Durability::Durable); !written) {
      return std::move(written).error().context("keep WireGuard's key in " + file.native());
    }
    return key;
  }
  if (!text) return std::move(text).error().context("read WireGuard's key");
  while (!text->empty() && (text->back() == '\n' || text->back() == ' ')) text->pop_back();
  auto key = parse_wireguard_key(*text);
  if (!key) return std::move(key).error().context(file.native());
  return key;
}

void WireGuard::Closer::operator()(nl_sock* socket) const { nl_socket_free(socket); }
WireGuard::WireGuard(nl_sock* socket, int family) : socket_(socket), family_(family) {}
WireGuard::WireGuard(WireGuard&&) noexcept = default;
WireGuard& WireGuard::operator=(WireGuard&&) noexcept = default;
WireGuard::~WireGuard() = default;

Result<WireGuard> WireGuard::open() {
  constexpr const char* kDoing = "look for WireGuard in the kernel";
  WireGuard opened(nl_socket_alloc(), 0);
  auto* socket = opened.socket_.get();
  if (socket == nullptr) return failure(NLE_NOMEM, kDoing);
  if (const int error = nl_connect(socket, NETLINK_GENERIC); error < 0) return failure(error, kDoing);
  Message request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, NLM_F_ACK);
  request.put_text(CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
  const int error = request.send(socket, [&](nlmsghdr* answer) {
    const auto fields = attributes_in(answer, CTRL_ATTR_FAMILY_ID);
    if (fields[CTRL_ATTR_FAMILY_ID] != nullptr) opened.family_ = nla_get_u16(fields[CTRL_ATTR_FAMILY_ID]);
  });
  if (error == -NLE_OBJ_NOTFOUND || (error == 0 && opened.family_ == 0)) {
    return Error(ErrorCode::Unimplemented, "this kernel has no WireGuard (CONFIG_WIREGUARD, module wireguard)");
  }
  if (error != 0) return failure(error, kDoing);
  return opened;
}

Result<WireGuardDevice> WireGuard::read(const std::string& link) {
  Message request(family_, WG_CMD_GET_DEVICE, WG_GENL_VERSION, NLM_F_DUMP);
  request.put_text(WGDEVICE_A_IFNAME, link);
  WireGuardDevice device;
  // One peer may come in several messages.
  std::map<WireGuardKey, std::pair<IpAddress, std::vector<Cidr>>> peers;
  const int error = request.send(socket_.get(), [&](nlmsghdr* answer) {
    const auto fields = attributes_in(answer, WGDEVICE_A_MAX);
    if (const auto key = key_in(fields[WGDEVICE_A_PUBLIC_KEY])) device.public_key = *key;
    for_each_in(fields[WGDEVICE_A_PEERS], [&](nlattr* entry) {
      const auto of_peer = attributes_in(entry, WGPEER_A_MAX);
      const auto key = key_in(of_peer[WGPEER_A_PUBLIC_KEY]);
      if (!key) return;
      auto& [host, blocks] = peers[*key];
      if (of_peer[WGPEER_A_ENDPOINT] != nullptr) host = host_in(of_peer[WGPEER_A_ENDPOINT]);
      for_each_in(of_peer[WGPEER_A_ALLOWEDIPS],
                  [&blocks = blocks](nlattr* allowed) { blocks.push_back(block_in(allowed).value_or(Cidr())); });
    });
  });
  if (error != 0) return failure(error, "read WireGuard's link " + link);
  for (const auto& [key, peer] : peers) {
    device.peers.insert({key, peer.first, peer.second.size() == 1 ? peer.second.front() : Cidr()});
  }
  return device;
}

Status WireGuard::set_key(const std::string& link, const WireGuardKey& private_key) {
  Message request(family_, WG_CMD_SET_DEVICE, WG_GENL_VERSION, NLM_F_ACK);
  request.put_text(WGDEVICE_A_IFNAME, link);
  request.put(WGDEVICE_A_PRIVATE_KEY, private_key);
  request.put_number(WGDEVICE_A_LISTEN_PORT, kWireGuardPort);
  const int error = request.send(socket_.get(), [](nlmsghdr*) {});
  if (error != 0) return failure(error, fmt::format("give link {} its key and port {}", link, kWireGuardPort));
  return Ok{};
}

Status WireGuard::put_peer(const std::string& link, const WireGuardPeer& peer) {
  Message request(family_, WG_CMD_SET_DEVICE, WG_GENL_VERSION, NLM_F_ACK);
  request.put_text(WGDEVICE_A_IFNAME, link);
  request.nest(WGDEVICE_A_PEERS, [&] {
    request.nest(0, [&] {
      request.put(WGPEER_A_PUBLIC_KEY, peer.key);
      request.put_number(WGPEER_A_FLAGS, std::uint32_t{WGPEER_F_REPLACE_ALLOWEDIPS});
      sockaddr_in host{};
      host.sin_family = AF_INET;
      host.sin_port = htons(kWireGuardPort);
      host.sin_addr.s_addr = htonl(peer.host.to_v4());
      request.put_number(WGPEER_A_ENDPOINT, host);
      request.nest(WGPEER_A_ALLOWEDIPS, [&] {
        request.nest(0, [&] {
          request.put_number(WGALLOWEDIP_A_FAMILY, std::uint16_t{AF_INET});
          request.put(WGALLOWEDIP_A_IPADDR, peer.pods.base.bytes());
          request.put_number(WGALLOWEDIP_A_CIDR_MASK, static_cast<std::uint8_t>(peer.pods.prefix));
        });
      });
    });
  });
  const int error = request.send(socket_.get(), [](nlmsghdr*) {});
  if (error != 0)
    return failure(error, fmt::format("lead {} to host {} by WireGuard", peer.pods.text(), peer.host.text()));
  return Ok{};
}

Status WireGuard::remove_peer(const std::string& link, const WireGuardKey& key) {
  Message request(family_, WG_CMD_SET_DEVICE, WG_GENL_VERSION, NLM_F_ACK);
  request.put_text(WGDEVICE_A_IFNAME, link);
  request.nest(WGDEVICE_A_PEERS, [&] {
    request.nest(0, [&] {
      request.put(WGPEER_A_PUBLIC_KEY, key);
      request.put_number(WGPEER_A_FLAGS, std::uint32_t{WGPEER_F_REMOVE_ME});
    });
  });
  const int error = request.send(socket_.get(), [](nlmsghdr*) {});
  if (error != 0) return failure(error, "forget a host of WireGuard's link " + link);
  return Ok{};
}

}  // namespace berth::network
