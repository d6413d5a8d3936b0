// store/etcd/module/client.cpp - etcd's calls over three links; logs in when there is a password. See etcd_client.hpp.
#include "store/etcd/module/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "store/etcd/endpoints.hpp"
#include "store/etcd/module/codec.hpp"
#include "store/etcd/module/link.hpp"

namespace berth::store::etcd {
namespace {

// etcd forgets who is logged in when it is started anew, and after five minutes; and when users were changed.
constexpr std::string_view kOldLogin = "etcdserver: revision of auth store is old";

/// Of what is asked of a lease, at most: while its time runs another member has to be asked, too.
constexpr std::chrono::milliseconds kLeaseDeadline{2'000};

/// What is known of the members is asked again when it is older, with the next lease that is kept: who is with one
/// member for months learns of those that came meanwhile before it needs them.
constexpr std::chrono::minutes kMembersAge{1};

/// What a link is asked for, but for who we are.
struct Question {
  std::string what;
  std::string path;
  std::string request;
  bool writes = false;
};

Result<std::vector<Endpoint>> parse_all(const std::vector<std::string>& texts) {
  std::vector<Endpoint> all;
  for (const auto& text : texts) {
    auto endpoint = parse_endpoint(text);
    if (!endpoint) return std::move(endpoint).error();
    all.push_back(*std::move(endpoint));
  }
  return all;
}

/// A watch of the client: silent once it is destroyed.
struct WatchState {
  std::recursive_mutex mutex;
  bool wanted = true;
  bool ended = false;
  EtcdLink::CallId call = 0;
  std::function<void()> on_begin;
  std::function<void(WatchBatch)> on_batch;
  std::function<void(Error)> on_end;

  void end(Error error) {
    const std::scoped_lock lock(mutex);
    if (wanted && !std::exchange(ended, true)) on_end(std::move(error));
  }
};

class Client final : public EtcdClient {
 public:
  /// The endpoints of each link; those that are the same are one list.
  struct Endpoints {
    std::shared_ptr<EndpointList> requests;
    std::shared_ptr<EndpointList> watches;
    std::shared_ptr<EndpointList> leases;
  };

  Client(EtcdAccess access, std::unique_ptr<ClientTls> tls, Endpoints endpoints)
      : access_(std::move(access)),
        tls_(std::move(tls)),
        endpoints_(std::move(endpoints.requests)),
        requests_(endpoints_, tls_.get(), access_.ping,
                  {.on_connected = [this] { look_for_members(); }, .on_silent = doubts()}),
        watches_(std::make_shared<EtcdLink>(std::move(endpoints.watches), tls_.get(), access_.ping,
                                            EtcdLink::Hooks{.on_connected = {}, .on_silent = doubts()})),
        leases_(std::move(endpoints.leases), tls_.get(), access_.ping, {.on_connected = {}, .on_silent = doubts()}) {
    requests_.start();
    watches_->start();
    leases_.start();
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() override {
    requests_.close();
    watches_->close();
    leases_.close();
  }

  void txn(TxnRequest request, Answer<TxnAnswer> answer) override {
    const auto& key = !request.then.empty()         ? request.then.front().keys.begin
                      : !request.conditions.empty() ? request.conditions.front().keys.begin
                                                    : none_;
    const bool writes = !request.then.empty();
    ask(requests_, {(writes ? "write " : "compare ") + key, "/etcdserverpb.KV/Txn", encode(request), writes},
        decoded<TxnAnswer>(&decode_txn, std::move(answer)));
  }
  void range(RangeRequest request, Answer<RangeAnswer> answer) override {
    ask(requests_, {"read " + request.keys.begin, "/etcdserverpb.KV/Range", encode(request)},
        decoded<RangeAnswer>(&decode_range, std::move(answer)));
  }
  void compact(Revision revision, Answer<Ok> answer) override {
    ask(requests_,
        {fmt::format("compact revision {}", revision), "/etcdserverpb.KV/Compact", encode_compaction(revision), true},
        [answer = std::move(answer)](const Result<std::string>& done) {
          answer(done ? Result<Ok>(Ok{}) : Result<Ok>(done.error()));
        });
  }
  void status(Answer<EtcdStatus> answer) override {
    ask(requests_, {"status", "/etcdserverpb.Maintenance/Status", {}},
        decoded<EtcdStatus>(&decode_status, std::move(answer)));
  }

  std::unique_ptr<EtcdWatch> watch(KeyRange keys, Revision from, std::function<void()> on_begin,
                                   std::function<void(WatchBatch)> on_batch,
                                   std::function<void(Error)> on_end) override;

  void grant(std::chrono::seconds ttl, Answer<LeaseGranted> answer) override {
    const auto sent = BootClock::now();
    ask(leases_, {"grant a lease", "/etcdserverpb.Lease/LeaseGrant", encode_grant(ttl), true},
        decoded<LeaseGranted>(&decode_grant, [sent, answer = std::move(answer)](Result<LeaseGranted> granted) {
          if (granted) granted->sent = sent;
          answer(std::move(granted));
        }));
  }
  void keep(LeaseId lease, Answer<LeaseKept> answer) override {
    const auto sent = BootClock::now();
    if (std::chrono::steady_clock::now() - members_asked_.load() >= kMembersAge) look_for_members();
    // A stream of one question: nothing is left of it when the connection changes.
    ask(leases_, {"keep a lease", "/etcdserverpb.Lease/LeaseKeepAlive", encode_lease(lease)},
        decoded<LeaseKept>(&decode_kept, [sent, answer = std::move(answer)](Result<LeaseKept> kept) {
          if (kept) kept->sent = sent;
          answer(std::move(kept));
        }));
  }
  void revoke(LeaseId lease, Answer<Ok> answer) override {
    ask(leases_, {"give a lease back", "/etcdserverpb.Lease/LeaseRevoke", encode_lease(lease), true},
        [answer = std::move(answer)](const Result<std::string>& done) {
          answer(done ? Result<Ok>(Ok{}) : Result<Ok>(done.error()));
        });
  }

 private:
  using Bytes = Answer<std::string>;

  std::function<void(const Endpoint&)> doubts() {
    return [this](const Endpoint& member) {
      requests_.doubt(member);
      watches_->doubt(member);
      leases_.doubt(member);
    };
  }

  /// An etcd that does not say goes on being reached where it is known.
  void look_for_members() {
    if (!access_.on_members) return;
    members_asked_ = std::chrono::steady_clock::now();
    ask(requests_, {"list the members", "/etcdserverpb.Cluster/MemberList", {}},
        decoded<std::vector<EtcdMember>>(&decode_members, [this](Result<std::vector<EtcdMember>> members) {
          if (!members) return;
          auto found = member_endpoints(access_.endpoints, *members);
          // parse_all() of what member_endpoints() made: they do parse.
          if (endpoints_->set_members(*parse_all(found))) access_.on_members(std::move(found));
        }));
  }

  template <typename T>
  static Bytes decoded(Result<T> (*decode)(std::string_view), Answer<T> answer) {
    return [decode, answer = std::move(answer)](Result<std::string> bytes) {
      answer(bytes ? decode(*bytes) : Result<T>(std::move(bytes).error()));
    };
  }

  static std::vector<std::pair<std::string, std::string>> metadata(const std::string& token) {
    // A member that has lost its leader says so instead of waiting for one.
    std::vector<std::pair<std::string, std::string>> all{{"hasleader", "true"}};
    if (!token.empty()) all.emplace_back("token", token);
    return all;
  }

  void ask(EtcdLink& link, Question question, Bytes answer) {
    with_token([this, &link, question = std::move(question), answer = std::move(answer)](Result<std::string> token) {
      if (!token) return answer(std::move(token).error());
      send(link, question, *token, /*again=*/!access_.user.empty(), answer);
    });
  }

  void send(EtcdLink& link, const Question& question, const std::string& token, bool again, Bytes answer) {
    const auto message = std::make_shared<std::optional<std::string>>();
    LinkCall call;
    call.what = question.what;
    call.writes = question.writes;
    call.deadline = &link == &leases_ ? std::min(access_.deadline, kLeaseDeadline) : access_.deadline;
    call.grpc.path = question.path;
    call.grpc.metadata = metadata(token);
    call.grpc.request = question.request;
    call.grpc.on_message = [message](std::string_view bytes) { *message = std::string(bytes); };
    auto once_more = again ? std::make_shared<Question>(question) : nullptr;
    call.on_end = [this, &link, message, once_more, token, answer = std::move(answer)](const Status& end) {
      if (!end && once_more != nullptr && is_old_login(end.error())) {
        forget_token(token);
        return with_token([this, &link, once_more, answer](Result<std::string> fresh) {
          if (!fresh) return answer(std::move(fresh).error());
          send(link, *once_more, *fresh, /*again=*/false, answer);
        });
      }
      if (!end) return answer(end.error());
      if (!*message) return answer(Error(ErrorCode::Internal, "the server's answer is empty"));
      answer(std::move(**message));
    };
    link.begin(std::move(call));
  }

  static bool is_old_login(const Error& error) {
    return error.code() == ErrorCode::Unauthenticated ||
           (error.code() == ErrorCode::InvalidArgument && error.message().ends_with(kOldLogin));
  }

  void forget_token(const std::string& used) {
    const std::scoped_lock lock(token_mutex_);
    if (token_ == used) token_.reset();
  }

  /// Empty without a password.
  void with_token(Bytes go_on) {
    if (access_.user.empty()) return go_on(std::string());
    std::unique_lock lock(token_mutex_);
    if (token_) {
      const auto known = *token_;
      lock.unlock();
      return go_on(known);
    }
    waiting_.push_back(std::move(go_on));
    if (std::exchange(logging_in_, true)) return;
    lock.unlock();
    log_in();
  }

  void log_in() {
    const Question question{"log in as " + access_.user, "/etcdserverpb.Auth/Authenticate",
                            encode_login(access_.user, access_.password)};
    send(requests_, question, {}, /*again=*/false,
         decoded<std::string>(&decode_token, [this](Result<std::string> token) {
           // A wrong password is no wrong argument of who writes.
           if (!token && token.error().code() == ErrorCode::InvalidArgument) {
             token = Error(ErrorCode::Unauthenticated, token.error().message());
           }
           std::vector<Bytes> waiting;
           {
             const std::scoped_lock lock(token_mutex_);
             logging_in_ = false;
             if (token) token_ = *token;
             waiting = std::exchange(waiting_, {});
           }
           for (const auto& each : waiting) each(token);
         }));
  }

  const EtcdAccess access_;
  const std::string none_;
  const std::unique_ptr<ClientTls> tls_;
  const std::shared_ptr<EndpointList> endpoints_;  ///< Of requests_.
  std::atomic<std::chrono::steady_clock::time_point> members_asked_{};
  std::mutex token_mutex_;
  std::optional<std::string> token_;
  bool logging_in_ = false;
  std::vector<Bytes> waiting_;
  EtcdLink requests_;
  const std::shared_ptr<EtcdLink> watches_;
  EtcdLink leases_;
};

class ClientWatch final : public EtcdWatch {
 public:
  ClientWatch(std::shared_ptr<WatchState> state, std::weak_ptr<EtcdLink> link)
      : state_(std::move(state)), link_(std::move(link)) {}
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;
  ~ClientWatch() override {
    const std::scoped_lock lock(state_->mutex);
    state_->wanted = false;
    if (const auto link = link_.lock()) link->cancel(state_->call);
  }

 private:
  std::shared_ptr<WatchState> state_;
  std::weak_ptr<EtcdLink> link_;
};

std::unique_ptr<EtcdWatch> Client::watch(KeyRange keys, Revision from, std::function<void()> on_begin,
                                         std::function<void(WatchBatch)> on_batch, std::function<void(Error)> on_end) {
  auto state = std::make_shared<WatchState>();
  state->on_begin = std::move(on_begin);
  state->on_batch = std::move(on_batch);
  state->on_end = std::move(on_end);
  with_token([this, state, keys = std::move(keys), from](Result<std::string> token) {
    if (!token) return state->end(std::move(token).error());
    LinkCall call;
    call.what = fmt::format("watch {} from revision {}", keys.begin, from);
    call.grpc.path = "/etcdserverpb.Watch/Watch";
    call.grpc.metadata = metadata(*token);
    call.grpc.request = encode_watch(keys, from);
    call.grpc.keep_open = true;
    call.grpc.on_message = [this, state, what = call.what, used = *token](std::string_view bytes) {
      auto news = decode_watch(bytes);
      if (!news) return state->end(news.error().context(what));
      {
        const std::scoped_lock lock(state->mutex);
        if (!state->wanted || state->ended) return;
        if (news->begun) state->on_begin();
        if (!news->batch.events.empty() || news->batch.nothing_until != 0) state->on_batch(std::move(news->batch));
      }
      if (!news->ended) return;
      if (news->compacted != 0) {
        return state->end(
            {ErrorCode::OutOfRange, fmt::format("{}: compacted up to revision {}", what, news->compacted)});
      }
      if (!used.empty()) forget_token(used);
      state->end({ErrorCode::Unavailable,
                  fmt::format("{}: etcd ended it: {}", what, news->why.empty() ? "it does not say why" : news->why)});
    };
    call.on_end = [this, state, what = call.what, used = *token](const Status& end) {
      if (!end && !used.empty() && is_old_login(end.error())) forget_token(used);
      state->end(end ? Error(ErrorCode::Unavailable, what + ": etcd ended it") : end.error());
    };
    const std::scoped_lock lock(state->mutex);
    if (state->wanted) state->call = watches_->begin(std::move(call));
  });
  return std::make_unique<ClientWatch>(state, watches_);
}

}  // namespace

Result<std::unique_ptr<EtcdClient>> open_client(EtcdAccess access) {
  if (access.endpoints.empty()) return Error(ErrorCode::InvalidArgument, "no endpoint of etcd is named");
  auto requests = parse_all(access.endpoints);
  if (!requests) return std::move(requests).error();
  auto watches = parse_all(access.watch_endpoints);
  if (!watches) return std::move(watches).error();
  auto leases = parse_all(access.lease_endpoints);
  if (!leases) return std::move(leases).error();
  std::unique_ptr<ClientTls> tls;
  for (const auto* all : {&*requests, &*watches, &*leases}) {
    for (const auto& each : *all) {
      if (!each.tls || tls != nullptr) continue;
      auto made = ClientTls::make(access);
      if (!made) return std::move(made).error();
      tls = *std::move(made);
    }
  }
  // What was written down is believed no more than what the etcd says.
  auto members = parse_all(member_endpoints(access.endpoints, {{.client_urls = access.members}}));
  const auto common = std::make_shared<EndpointList>(*std::move(requests), *std::move(members));
  const auto own = [&](std::vector<Endpoint> all) {
    return all.empty() ? common : std::make_shared<EndpointList>(std::move(all), std::vector<Endpoint>{});
  };
  return std::unique_ptr<EtcdClient>(std::make_unique<Client>(
      std::move(access), std::move(tls), Client::Endpoints{common, own(*std::move(watches)), own(*std::move(leases))}));
}

}  // namespace berth::store::etcd
