// runtime/event_watch.cpp - see event_watch.hpp.
#include "runtime/event_watch.hpp"

#include <pthread.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/log.hpp"
#include "containerd/events.pb.h"
#include "containerd/types.pb.h"
#include "runtime/containerd_codec.hpp"

namespace berth::runtime {
namespace {

const std::string kEvents = "/containerd.services.events.v1.Events/";
constexpr std::string_view kMarkerTopic = "/berth/subscribed";
constexpr auto kMarkerPause = std::chrono::milliseconds(50);
constexpr auto kIdle = std::chrono::seconds(60);
constexpr auto kFirstPause = std::chrono::milliseconds(100);
constexpr auto kLongestPause = std::chrono::milliseconds(1000);

}  // namespace

EventWatch::EventWatch(ContainerdClient& client, Handlers handlers) : client_(client), handlers_(std::move(handlers)) {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "ctrd-events");
    run();
  });
}

EventWatch::~EventWatch() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void EventWatch::run() {
  auto pause = kFirstPause;
  while (!stopping_) {
    if (follow()) pause = kFirstPause;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, pause, [this] { return stopping_.load(); });
    pause = std::min<std::chrono::milliseconds>(pause * 2, kLongestPause);
  }
}

bool EventWatch::follow() {
  const auto& ns = client_.settings().ns;
  wire::events::SubscribeRequest request;
  for (const std::string_view topic : {std::string_view("/tasks/exit"), std::string_view("/tasks/oom"), kMarkerTopic}) {
    request.add_filters(fmt::format("namespace==\"{}\",topic==\"{}\"", ns, topic));
  }
  const auto stream = client_.channel().open(kEvents + "Subscribe", request.SerializeAsString(), {});
  const auto token = fmt::format("{:x}", std::chrono::steady_clock::now().time_since_epoch().count());
  bool in_force = false;
  for (;;) {
    if (!in_force) publish_marker(token);
    const auto message = stream->next(in_force ? std::chrono::milliseconds(kIdle) : kMarkerPause);
    if (!message) {
      log(LogLevel::Debug, "containerd's event stream ended", {{"error", message.error().message()}});
      return in_force;
    }
    if (stopping_) return in_force;
    if (!message->has_value()) continue;
    if (handle(**message, token) && !in_force) {
      in_force = true;
      handlers_.on_connected();
    }
  }
}

void EventWatch::publish_marker(const std::string& token) {
  wire::events::PublishRequest request;
  request.set_topic(std::string(kMarkerTopic));
  request.mutable_event()->set_type_url("berth.io/Subscribed");
  request.mutable_event()->set_value(token);
  // A failure shows on the stream as well, or the marker does not come back and is sent again.
  (void)command(client_.channel(), kEvents + "Publish", request, {client_.settings().ns, {}, kPatience});
}

bool EventWatch::handle(const std::string& bytes, const std::string& token) {
  wire::events::Envelope envelope;
  if (!envelope.ParseFromString(bytes)) return false;
  const auto& payload = envelope.event().value();
  if (envelope.topic() == kMarkerTopic) return payload == token;
  if (envelope.topic() == "/tasks/exit") {
    wire::events::TaskExit exit;
    if (!exit.ParseFromString(payload)) return false;
    const auto exec = exit.id() == exit.container_id() ? std::string() : exit.id();
    handlers_.on_exit(exit.container_id(), exec, static_cast<std::int32_t>(exit.exit_status()));
  } else if (envelope.topic() == "/tasks/oom") {
    wire::events::TaskOom oom;
    if (oom.ParseFromString(payload)) handlers_.on_oom(oom.container_id());
  }
  return false;
}

}  // namespace berth::runtime
