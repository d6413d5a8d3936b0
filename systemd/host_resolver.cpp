// systemd/host_resolver.cpp - see host_resolver.hpp.
#include "systemd/host_resolver.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::systemd {
namespace {

using std::chrono::steady_clock;

constexpr auto kService = "org.freedesktop.resolve1";
constexpr auto kPath = "/org/freedesktop/resolve1";
constexpr auto kInterface = "org.freedesktop.resolve1.Manager";
constexpr std::uint64_t kCallUsec = 2'000'000;    ///< Our end may wait for four of them.
constexpr std::chrono::seconds kBetween{1};       ///< Two tellings.
constexpr std::chrono::seconds kAfterFailure{5};  ///< The link is not there yet, resolved is starting.
constexpr std::chrono::seconds kNoBus{30};

struct Unref {
  void operator()(sd_bus* bus) const { ::sd_bus_flush_close_unref(bus); }
  void operator()(sd_bus_message* message) const { ::sd_bus_message_unref(message); }
};
using Bus = std::unique_ptr<sd_bus, Unref>;
using Message = std::unique_ptr<sd_bus_message, Unref>;

/// Throws nothing away: the first negative result of a chain stays.
class Call {
 public:
  Call(sd_bus* bus, const char* method, int link) : bus_(bus), method_(method) {
    sd_bus_message* raw = nullptr;
    keep(::sd_bus_message_new_method_call(bus, &raw, kService, kPath, kInterface, method));
    message_.reset(raw);
    if (ok()) keep(::sd_bus_message_set_auto_start(raw, 0));  // One that is not wanted here is not ours to start.
    if (ok()) keep(::sd_bus_message_append(raw, "i", link));
  }
  template <typename... Values>
  void add(const char* types, Values... values) {
    if (ok()) keep(::sd_bus_message_append(message_.get(), types, values...));
  }
  void bytes(const void* data, std::size_t size) {
    if (ok()) keep(::sd_bus_message_append_array(message_.get(), 'y', data, size));
  }
  void open(char type, const char* contents) {
    if (ok()) keep(::sd_bus_message_open_container(message_.get(), type, contents));
  }
  void close() {
    if (ok()) keep(::sd_bus_message_close_container(message_.get()));
  }
  /// NotFound: there is no resolved. ResourceExhausted: more than it takes.
  Status send() {
    sd_bus_error error{};
    if (ok()) keep(::sd_bus_call(bus_, message_.get(), kCallUsec, &error, nullptr));
    const auto absent = ::sd_bus_error_has_name(&error, SD_BUS_ERROR_SERVICE_UNKNOWN) != 0 ||
                        ::sd_bus_error_has_name(&error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) != 0;
    const std::string text = error.message != nullptr ? error.message : std::generic_category().message(-code_);
    ::sd_bus_error_free(&error);
    if (ok()) return Ok{};
    const auto code = absent            ? ErrorCode::NotFound
                      : code_ == -E2BIG ? ErrorCode::ResourceExhausted
                                        : ErrorCode::Unknown;
    return Error(code, std::string(method_) + ": " + text);
  }

 private:
  bool ok() const { return code_ >= 0; }
  void keep(int code) { code_ = std::min(code, 0); }

  sd_bus* bus_;
  const char* method_;
  Message message_;
  int code_ = 0;
};

class DBusResolver final : public HostResolver {
 public:
  DBusResolver(HostResolverConfig config, std::function<void(const std::string&)> on_news)
      : config_(std::move(config)), on_news_(std::move(on_news)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    thread_ = std::thread([this] {
      sigset_t all;
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
      ::pthread_setname_np(::pthread_self(), "resolver");
      run();
    });
  }
  ~DBusResolver() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    thread_.join();
  }
  DBusResolver(const DBusResolver&) = delete;
  DBusResolver& operator=(const DBusResolver&) = delete;

  void set(LinkNames names) override {
    {
      const std::lock_guard lock(mutex_);
      if (wanted_ == names) return;
      wanted_ = std::move(names);
    }
    wake();
  }

 private:
  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
  }
  bool stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }
  std::optional<LinkNames> wanted() const {
    const std::lock_guard lock(mutex_);
    return wanted_;
  }

  void run() {
    while (!stopping()) {
      if (!bus_ && !connect()) {
        wait_until(steady_clock::now() + kNoBus);
        continue;
      }
      for (;;) {  // What the bus says: resolved came, went.
        const auto done = ::sd_bus_process(bus_.get(), nullptr);
        if (done < 0) bus_.reset();
        if (done <= 0) break;
      }
      if (!bus_) {
        told_.reset();
        wait_until(steady_clock::now() + kBetween);
        continue;
      }
      const auto names = wanted();
      const auto due = names && names != told_ && !absent_;
      if (due && steady_clock::now() >= not_before_) {
        tell(*names);
        continue;  // What came during the calls is in the bus's queue and wakes nobody.
      }
      wait_until(due ? not_before_ : steady_clock::time_point::max());
    }
  }

  bool connect() {
    sd_bus* raw = nullptr;
    if (::sd_bus_open_system(&raw) < 0) return false;
    bus_.reset(raw);
    ::sd_bus_set_method_call_timeout(raw, kCallUsec);
    const auto matched =
        ::sd_bus_add_match(raw, nullptr,
                           "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                           "member='NameOwnerChanged',arg0='org.freedesktop.resolve1'",
                           &DBusResolver::owner_changed, this);
    told_.reset();
    absent_ = false;
    if (matched < 0) bus_.reset();
    return static_cast<bool>(bus_);
  }

  static int owner_changed(sd_bus_message* message, void* self, sd_bus_error* /*unused*/) {
    const char* name = nullptr;
    const char* before = nullptr;
    const char* now = nullptr;
    if (::sd_bus_message_read(message, "sss", &name, &before, &now) < 0) return 0;
    auto& resolver = *static_cast<DBusResolver*>(self);
    resolver.told_.reset();
    resolver.absent_ = now == nullptr || *now == '\0';
    resolver.not_before_ = steady_clock::now();
    return 0;
  }

  void tell(const LinkNames& names) {
    const auto done = send_all(names);
    not_before_ = steady_clock::now() + (done ? kBetween : kAfterFailure);
    if (done) {
      told_ = names;
    } else if (done.error().code() == ErrorCode::NotFound) {
      absent_ = true;
      return;
    }
    const auto error = done ? std::string() : done.error().message();
    if (error == said_) return;
    said_ = error;
    on_news_(error);
  }

  Status send_all(const LinkNames& names) {
    const auto link = static_cast<int>(::if_nametoindex(config_.link.c_str()));
    if (link == 0) return Error(ErrorCode::FailedPrecondition, "there is no link " + config_.link);
    // Domains last: with them questions begin to come.
    const auto plain = config_.port == 53;
    Call servers(bus_.get(), plain ? "SetLinkDNS" : "SetLinkDNSEx", link);
    servers.open('a', plain ? "(iay)" : "(iayqs)");
    for (const auto& server : config_.servers) {
      in_addr address{};
      if (::inet_pton(AF_INET, server.c_str(), &address) != 1) continue;
      servers.open('r', plain ? "iay" : "iayqs");
      servers.add("i", AF_INET);
      servers.bytes(&address, sizeof address);
      if (!plain) servers.add("qs", static_cast<int>(config_.port), "");
      servers.close();
    }
    servers.close();
    if (auto sent = servers.send(); !sent) return sent;
    // Not for everything else, and our names are not signed.
    Call route(bus_.get(), "SetLinkDefaultRoute", link);
    route.add("b", 0);
    if (auto sent = route.send(); !sent) return sent;
    Call signatures(bus_.get(), "SetLinkDNSSEC", link);
    signatures.add("s", "no");
    if (auto sent = signatures.send(); !sent) return sent;
    auto sent = send_domains(link, names.domains);
    if (!failed_with(sent, ErrorCode::ResourceExhausted)) return sent;
    // It counts the old ones until it has taken the new.
    if (auto cleared = send_domains(link, {}); !cleared) return cleared;
    return send_domains(link, names.domains);
  }

  Status send_domains(int link, const std::vector<std::string>& names) {
    Call domains(bus_.get(), "SetLinkDomains", link);
    domains.open('a', "(sb)");
    for (const auto& name : names) domains.add("(sb)", name.c_str(), 1);
    domains.close();
    return domains.send();
  }

  /// Until `then`, set(), the end, or news on the bus.
  void wait_until(steady_clock::time_point then) {
    std::array<pollfd, 2> all{{{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                               {.fd = bus_ ? ::sd_bus_get_fd(bus_.get()) : -1, .events = POLLIN, .revents = 0}}};
    if (bus_) all[1].events = static_cast<short>(std::max(::sd_bus_get_events(bus_.get()), 0) | POLLIN);
    auto timeout = -1;
    if (then != steady_clock::time_point::max()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(then - steady_clock::now()).count();
      timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
    }
    ::poll(all.data(), all.size(), timeout);
    std::uint64_t ignored = 0;
    [[maybe_unused]] const auto got = ::read(wake_.get(), &ignored, sizeof ignored);
  }

  const HostResolverConfig config_;
  const std::function<void(const std::string&)> on_news_;
  UniqueFd wake_;
  mutable std::mutex mutex_;
  std::optional<LinkNames> wanted_;
  bool stopping_ = false;
  // The thread's own.
  Bus bus_;
  std::optional<LinkNames> told_;
  bool absent_ = false;  ///< There is no resolved: wait for the bus to say that it came.
  steady_clock::time_point not_before_{};
  std::optional<std::string> said_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<HostResolver> make_host_resolver(HostResolverConfig config,
                                                 std::function<void(const std::string& error)> on_news) {
  return std::make_unique<DBusResolver>(std::move(config), std::move(on_news));
}

}  // namespace berth::systemd
