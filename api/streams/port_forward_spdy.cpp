// api/streams/port_forward_spdy.cpp - port-forward over SPDY.
#include "api/streams/port_forward_spdy.hpp"

#include <charconv>
#include <map>

#include "api/streams/forwarded_port.hpp"
#include "api/streams/spdy_connection.hpp"

namespace berth::api {

namespace {

constexpr std::chrono::seconds kStreamCreation{30};  // as the kubelet
constexpr std::size_t kMaxStreams = 512;

class Forwarder;

/// One connection: its two streams and its port.
class Link final : public ForwardPeer {
 public:
  Link(Forwarder& owner, std::string request) : owner_(owner), request_(std::move(request)) {}

  void send_data(std::string bytes) override;
  std::size_t queued_bytes() const override;
  void set_reading(bool reading) override;
  void end_output() override;
  void fail(const std::string& why) override;
  void done() override;

  std::uint32_t error = 0;  ///< Stream ids; 0: not opened.
  std::uint32_t data = 0;
  bool is_paused = false;
  std::string early;  ///< Data that came before the error stream.
  bool early_end = false;
  std::shared_ptr<ForwardedPort> port;
  std::unique_ptr<ReactorHandle> timer;  ///< Until both streams are there.

 private:
  Forwarder& owner_;
  const std::string request_;
};

class Forwarder final : public SpdyHandler {
 public:
  Forwarder(ApiContext& context, const model::Object& pod)
      : context_(context), uid_(pod.meta.uid), name_(pod.meta.name) {}

  ~Forwarder() override { drop_all(); }

  void on_open(SpdyStreams& streams) override { streams_ = &streams; }

  bool on_stream(std::uint32_t stream, const SpdyHeaders& headers) override {
    const auto type = header_value(headers, "streamtype");
    const auto text = header_value(headers, "port");
    std::uint16_t port = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool is_data = type == "data";
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || port == 0) return false;
    if (!is_data && type != "error") return false;
    auto request = std::string(header_value(headers, "requestid"));
    if (request.empty()) request = std::to_string(is_data ? stream - 2 : stream);  // clients before Kubernetes 1.1
    auto& link = links_[request];
    if (!link) {
      link = std::make_unique<Link>(*this, request);
      link->timer = context_.reactor.after(kStreamCreation, [this, request] { give_up(request); });
    }
    auto& id = is_data ? link->data : link->error;
    if (id != 0) return false;
    id = stream;
    of_stream_[stream] = link.get();
    if (link->data == 0 || link->error == 0) return true;
    link->timer.reset();
    link->port = make_forwarded_port(context_, {.pod_uid = uid_, .pod_name = name_, .port = port});
    const auto started = link->port;
    auto early = std::exchange(link->early, {});
    const bool ended = link->early_end;
    started->start(*link);
    if (!early.empty()) started->input(early);
    if (ended) started->end_input();
    return true;
  }

  void on_data(std::uint32_t stream, std::string_view data) override {
    auto* const link = find(stream);
    if (link == nullptr || link->data != stream) return;
    if (const auto port = link->port) return port->input(data);
    link->early += data;
    if (link->early.size() > kMaxQueued) drop(stream, SpdyReset::FlowControlError);
  }

  void on_end(std::uint32_t stream) override {
    auto* const link = find(stream);
    if (link == nullptr || link->data != stream) return;
    link->early_end = true;
    if (const auto port = link->port) port->end_input();
  }

  void on_reset(std::uint32_t stream) override {
    auto* const link = find(stream);
    if (link == nullptr) return;
    if (link->data == stream) return drop(stream, SpdyReset::Cancel);
    of_stream_.erase(stream);  // nobody wants to know of errors
  }

  void on_drained() override {
    // Whoever sends may end, and take its link along.
    std::vector<std::shared_ptr<ForwardedPort>> ports;
    for (const auto& [request, link] : links_) {
      if (link->port) ports.push_back(link->port);
    }
    for (const auto& port : ports) port->drained();
  }

  void on_closed() override {
    streams_ = nullptr;
    drop_all();
  }

  SpdyStreams* streams() const { return streams_; }

  void pause(Link& link, bool paused) {
    if (link.is_paused == paused) return;
    link.is_paused = paused;
    paused_ = paused ? paused_ + 1 : paused_ - 1;
    if (streams_ != nullptr) streams_->set_reading(paused_ == 0);
  }

  void forget(const std::string& request) {
    const auto it = links_.find(request);
    if (it == links_.end()) return;
    auto& link = *it->second;
    pause(link, false);
    of_stream_.erase(link.data);
    of_stream_.erase(link.error);
    const auto port = link.port;  // it may be the one that calls
    links_.erase(it);
  }

 private:
  Link* find(std::uint32_t stream) const {
    const auto it = of_stream_.find(stream);
    return it == of_stream_.end() ? nullptr : it->second;
  }

  void give_up(const std::string& request) {
    const auto it = links_.find(request);
    if (it == links_.end()) return;
    for (const auto stream : {it->second->data, it->second->error}) {
      if (stream != 0) streams_->reset(stream, SpdyReset::Cancel);
    }
    forget(request);
  }

  /// The client does not want this connection any more: its error stream ends without a word.
  void drop(std::uint32_t data_stream, SpdyReset status) {
    for (const auto& [request, link] : links_) {
      if (link->data != data_stream) continue;
      if (link->port) link->port->abandon();
      streams_->send(link->error, {}, /*fin=*/true);
      if (status != SpdyReset::Cancel) streams_->reset(data_stream, status);
      return forget(std::string(request));
    }
  }

  void drop_all() {
    for (const auto& [request, link] : links_) {
      if (link->port) link->port->abandon();
    }
    of_stream_.clear();
    links_.clear();
  }

  ApiContext& context_;
  const std::string uid_;
  const std::string name_;
  SpdyStreams* streams_ = nullptr;
  std::map<std::string, std::unique_ptr<Link>> links_;  ///< By request id.
  std::map<std::uint32_t, Link*> of_stream_;
  std::size_t paused_ = 0;  ///< Links that can take no more.
};

void Link::send_data(std::string bytes) { owner_.streams()->send(data, std::move(bytes)); }
std::size_t Link::queued_bytes() const { return owner_.streams()->queued_bytes(); }
void Link::set_reading(bool reading) { owner_.pause(*this, !reading); }

void Link::end_output() {
  owner_.streams()->send(data, {}, /*fin=*/true);
  // Nothing can fail any more, and kubectl waits for the end of both.
  owner_.streams()->send(error, {}, /*fin=*/true);
}

void Link::fail(const std::string& why) {
  owner_.streams()->send(error, why, /*fin=*/true);
  owner_.streams()->send(data, {}, /*fin=*/true);
}

void Link::done() { owner_.forget(request_); }

}  // namespace

std::shared_ptr<PeerSession> make_port_forward_spdy(ApiContext& context, const model::Object& pod) {
  return over_spdy(context.reactor, std::make_shared<Forwarder>(context, pod), {.streams = kMaxStreams});
}

}  // namespace berth::api
