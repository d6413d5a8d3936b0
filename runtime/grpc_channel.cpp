// runtime/grpc_channel.cpp - see grpc_channel.hpp.
#include "runtime/grpc_channel.hpp"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include <fmt/format.h>

#include <mutex>
#include <set>
#include <vector>

#include "base/counters.hpp"

namespace berth::runtime {
namespace {

constexpr int kMaxMessageBytes = 16 * 1024 * 1024;
constexpr int kConnectMs = 60'000;

void count_call(std::chrono::steady_clock::time_point begun) {
  counters().runtime_calls.fetch_add(1, std::memory_order_relaxed);
  counters().runtime_call.add(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
}

ErrorCode code_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::CANCELLED: return ErrorCode::Cancelled;
    case grpc::StatusCode::INVALID_ARGUMENT: return ErrorCode::InvalidArgument;
    case grpc::StatusCode::DEADLINE_EXCEEDED: return ErrorCode::DeadlineExceeded;
    case grpc::StatusCode::NOT_FOUND: return ErrorCode::NotFound;
    case grpc::StatusCode::ALREADY_EXISTS: return ErrorCode::AlreadyExists;
    case grpc::StatusCode::PERMISSION_DENIED: return ErrorCode::PermissionDenied;
    case grpc::StatusCode::UNAUTHENTICATED: return ErrorCode::Unauthenticated;
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return ErrorCode::ResourceExhausted;
    case grpc::StatusCode::FAILED_PRECONDITION: return ErrorCode::FailedPrecondition;
    case grpc::StatusCode::ABORTED: return ErrorCode::Aborted;
    case grpc::StatusCode::OUT_OF_RANGE: return ErrorCode::OutOfRange;
    case grpc::StatusCode::UNIMPLEMENTED: return ErrorCode::Unimplemented;
    case grpc::StatusCode::INTERNAL: return ErrorCode::Internal;
    case grpc::StatusCode::UNAVAILABLE: return ErrorCode::Unavailable;
    case grpc::StatusCode::DATA_LOSS: return ErrorCode::DataLoss;
    case grpc::StatusCode::OK:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::DO_NOT_USE: return ErrorCode::Unknown;
  }
  return ErrorCode::Unknown;
}

Error to_error(const grpc::Status& status) {
  const auto& text = status.error_message();
  return {code_of(status.error_code()), text.empty() ? "no reason given" : text};
}

grpc::ByteBuffer to_buffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

Result<std::string> to_bytes(grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (auto status = buffer.Dump(&slices); !status.ok()) return to_error(status);
  std::string bytes;
  bytes.reserve(buffer.Length());
  for (const auto& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  buffer.Clear();
  return bytes;
}

/// Waits for the one operation in flight on `queue`; false when it failed (a stream's end).
bool wait(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  return queue.Next(&tag, &ok) && ok;
}

}  // namespace

struct GrpcChannel::Impl {
  std::shared_ptr<grpc::Channel> channel;
  grpc::GenericStub stub;
  std::mutex mutex;
  std::set<grpc::ClientContext*> in_flight;  ///< So that shutdown() can cancel them.
  bool down = false;

  explicit Impl(std::shared_ptr<grpc::Channel> made) : channel(std::move(made)), stub(channel) {}

  void prepare(grpc::ClientContext& context, const CallOptions& options) {
    if (!options.ns.empty()) context.AddMetadata("containerd-namespace", options.ns);
    if (!options.lease.empty()) context.AddMetadata("containerd-lease", options.lease);
    const std::scoped_lock lock(mutex);
    in_flight.insert(&context);
    if (down) context.TryCancel();
  }

  void forget(grpc::ClientContext& context) {
    const std::scoped_lock lock(mutex);
    in_flight.erase(&context);
  }
};

namespace {

/// A server stream on its own completion queue, so that one thread can wait for it with a timeout.
class ServerStream final : public MessageStream {
 public:
  using Start = std::function<std::unique_ptr<grpc::GenericClientAsyncReaderWriter>(grpc::ClientContext*,
                                                                                    grpc::CompletionQueue*)>;
  ServerStream(const Start& start, const std::function<void(grpc::ClientContext&)>& prepare,
               std::function<void(grpc::ClientContext&)> forget, const std::string& request)
      : forget_(std::move(forget)) {
    prepare(context_);
    call_ = start(&context_, &queue_);
    call_->StartCall(nullptr);
    if (!wait(queue_)) return;
    call_->WriteLast(to_buffer(request), grpc::WriteOptions(), nullptr);
    if (!wait(queue_)) return;
    call_->Read(&incoming_, nullptr);
    reading_ = true;
  }

  ~ServerStream() override {
    context_.TryCancel();
    if (reading_) wait(queue_);
    if (!finished_) finish();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
    forget_(context_);
  }

  Result<std::optional<std::string>> next(std::chrono::milliseconds patience) override {
    if (!reading_) return finish();
    void* tag = nullptr;
    bool ok = false;
    const auto state = queue_.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + patience);
    if (state == grpc::CompletionQueue::TIMEOUT) return std::optional<std::string>();
    reading_ = false;
    if (!ok) return finish();
    auto bytes = to_bytes(incoming_);
    if (!bytes) return bytes.error();
    call_->Read(&incoming_, nullptr);
    reading_ = true;
    return std::optional<std::string>(*std::move(bytes));
  }

 private:
  Error finish() {
    grpc::Status status;
    call_->Finish(&status, nullptr);
    wait(queue_);
    finished_ = true;
    return status.ok() ? Error(ErrorCode::Unavailable, "the server ended the stream") : to_error(status);
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer incoming_;
  std::function<void(grpc::ClientContext&)> forget_;
  bool reading_ = false;
  bool finished_ = false;
};

}  // namespace

GrpcChannel::GrpcChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // No pause but the time that one attempt has: a busy host takes long to accept and to greet. Where nobody listens the
  // attempt fails at once.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);             // whether to call again is decided above, by code
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // two runtimes in one process do not share a connection
  arguments.SetInt("grpc.enable_http_proxy", 0);
  arguments.SetString("grpc.default_authority", "localhost");  // containerd's Go server refuses a path as authority
  impl_ = std::make_unique<Impl>(
      grpc::CreateCustomChannel("unix:" + address, grpc::InsecureChannelCredentials(), arguments));
}

GrpcChannel::~GrpcChannel() = default;

Result<std::string> GrpcChannel::call(const std::string& method, const std::string& request,
                                      const CallOptions& options) {
  const auto begun = std::chrono::steady_clock::now();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + options.deadline);
  impl_->prepare(context, options);
  grpc::CompletionQueue queue;
  grpc::ByteBuffer reply;
  grpc::Status status;
  const auto reader = impl_->stub.PrepareUnaryCall(&context, method, to_buffer(request), &queue);
  reader->StartCall();
  reader->Finish(&reply, &status, nullptr);
  wait(queue);
  impl_->forget(context);
  count_call(begun);
  if (!status.ok()) {
    if (status.error_code() != grpc::StatusCode::NOT_FOUND) {
      counters().runtime_errors.fetch_add(1, std::memory_order_relaxed);
    }
    return to_error(status);
  }
  return to_bytes(reply);
}

Status GrpcChannel::collect(const std::string& method, const std::string& request, const CallOptions& options,
                            const std::function<Status(const std::string&)>& on_message) {
  const auto begun = std::chrono::steady_clock::now();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + options.deadline);
  impl_->prepare(context, options);
  grpc::CompletionQueue queue;
  const auto call = impl_->stub.PrepareCall(&context, method, &queue);
  Status handled = Ok{};
  call->StartCall(nullptr);
  if (wait(queue)) {
    call->WriteLast(to_buffer(request), grpc::WriteOptions(), nullptr);
    wait(queue);
  }
  for (;;) {
    grpc::ByteBuffer incoming;
    call->Read(&incoming, nullptr);
    if (!wait(queue)) break;
    const auto bytes = to_bytes(incoming);
    handled = bytes ? on_message(*bytes) : Status(bytes.error());
    if (!handled) {
      context.TryCancel();
      break;
    }
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  wait(queue);
  impl_->forget(context);
  count_call(begun);
  if (!handled) return handled;
  if (!status.ok()) {
    counters().runtime_errors.fetch_add(1, std::memory_order_relaxed);
    return to_error(status);
  }
  return Ok{};
}

std::unique_ptr<MessageStream> GrpcChannel::open(const std::string& method, const std::string& request,
                                                 const CallOptions& options) {
  return std::make_unique<ServerStream>(
      [this, method](grpc::ClientContext* context, grpc::CompletionQueue* queue) {
        return impl_->stub.PrepareCall(context, method, queue);
      },
      [this, options](grpc::ClientContext& context) { impl_->prepare(context, options); },
      [this](grpc::ClientContext& context) { impl_->forget(context); }, request);
}

void GrpcChannel::shutdown() {
  const std::scoped_lock lock(impl_->mutex);
  impl_->down = true;
  for (auto* context : impl_->in_flight) context->TryCancel();
}

}  // namespace berth::runtime
