// agent/probes/probe_grpc.cpp - see probe_grpc.hpp. Sentences as in the kubelet's pkg/probe/grpc.
#include "agent/probes/probe_grpc.hpp"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>
#include <pthread.h>

#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "grpc/health.pb.h"

namespace berth::agent {
namespace {

constexpr int kMaxAnswer = 64 * 1024;

std::shared_ptr<grpc::Channel> open_channel(const ProbeAddress& address, std::chrono::milliseconds timeout) {
  grpc::ChannelArguments arguments;
  arguments.SetString(GRPC_ARG_PRIMARY_USER_AGENT_STRING, "kube-probe/berth");
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // no probe uses another's connection
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(timeout.count()));
  arguments.SetInt("grpc.enable_http_proxy", 0);
  arguments.SetString("grpc.default_authority", address.text());
  arguments.SetMaxReceiveMessageSize(kMaxAnswer);
  const auto* const family = address.ip.find(':') == std::string::npos ? "ipv4:" : "ipv6:";
  return grpc::CreateCustomChannel(family + address.text(), grpc::InsecureChannelCredentials(), arguments);
}

/// The serving status of an answer; nothing: it is none.
std::optional<wire::health::CheckResponse> parse(grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return std::nullopt;
  std::string bytes;
  for (const auto& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  wire::health::CheckResponse response;
  if (!response.ParseFromString(bytes)) return std::nullopt;
  return response;
}

/// One call, from its beginning to its end.
struct Call {
  Call(const ProbeAddress& to, std::chrono::milliseconds limit, std::function<void(ProbeOutcome)> then)
      : address(to), timeout(limit), done(std::move(then)), stub(open_channel(to, limit)) {}

  ProbeAddress address;
  std::chrono::milliseconds timeout;
  std::function<void(ProbeOutcome)> done;
  grpc::GenericStub stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer reply;
  grpc::Status status;

  ProbeOutcome outcome() {
    if (status.ok()) {
      const auto response = parse(reply);
      if (!response) return failure("error: health rpc failed: the answer does not parse");
      if (response->status() == wire::health::SERVING) return {ProbeAnswer::Success, {}};
      return failure(fmt::format("service unhealthy (responded with \"{}\")", word(response->status())));
    }
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
      return failure("error: this server does not implement the grpc health protocol (grpc.health.v1.Health): " +
                     status.error_message());
    }
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      return failure(fmt::format("timeout: health rpc did not complete within {} ms", timeout.count()));
    }
    return failure("error: health rpc failed: " + status.error_message());
  }

 private:
  static std::string word(wire::health::ServingStatus serving) {
    if (serving == wire::health::UNKNOWN) return "UNKNOWN";
    if (serving == wire::health::NOT_SERVING) return "NOT_SERVING";
    return serving == wire::health::SERVICE_UNKNOWN ? "SERVICE_UNKNOWN" : std::to_string(serving);
  }
  ProbeOutcome failure(const std::string& why) const {
    return {ProbeAnswer::Failure, fmt::format("{}: {}", address.text(), why)};
  }
};

}  // namespace

struct GrpcProbes::Impl {
  grpc::CompletionQueue queue;
  std::mutex mutex;
  std::set<Call*> calls;  ///< Under the mutex, with what follows.
  bool stopping = false;
  std::thread thread;

  void run() {
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) {
      const std::unique_ptr<Call> call(static_cast<Call*>(tag));
      bool dropped = false;
      {
        const std::lock_guard lock(mutex);
        calls.erase(call.get());
        dropped = stopping;
      }
      if (!dropped) call->done(call->outcome());
    }
  }
};

GrpcProbes::GrpcProbes() : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::thread([impl = impl_.get()] {
    ::pthread_setname_np(::pthread_self(), "grpc-probes");
    impl->run();
  });
}

GrpcProbes::~GrpcProbes() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    for (auto* call : impl_->calls) call->context.TryCancel();
    impl_->queue.Shutdown();
  }
  impl_->thread.join();
}

void GrpcProbes::check(const ProbeAddress& address, const std::string& service, std::chrono::milliseconds timeout,
                       std::function<void(ProbeOutcome)> done) {
  wire::health::CheckRequest request;
  request.set_service(service);
  const grpc::Slice slice(request.SerializeAsString());
  auto call = std::make_unique<Call>(address, timeout, std::move(done));
  call->context.set_deadline(std::chrono::system_clock::now() + timeout);
  const std::lock_guard lock(impl_->mutex);
  call->reader = call->stub.PrepareUnaryCall(&call->context, "/grpc.health.v1.Health/Check",
                                             grpc::ByteBuffer(&slice, 1), &impl_->queue);
  call->reader->StartCall();
  auto* const begun = call.release();  // the queue's until it comes back
  impl_->calls.insert(begun);
  begun->reader->Finish(&begun->reply, &begun->status, begun);
}

}  // namespace berth::agent
