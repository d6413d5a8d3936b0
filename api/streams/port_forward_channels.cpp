// api/streams/port_forward_channels.cpp - port-forward over WebSocket channels.
#include "api/streams/port_forward_channels.hpp"

#include "api/streams/channel_framing.hpp"
#include "api/streams/forwarded_port.hpp"

namespace berth::api {

namespace {

class Channels;

/// One port, with its two channels.
class Channel final : public ForwardPeer {
 public:
  Channel(Channels& owner, std::size_t index, std::uint16_t number, std::shared_ptr<ForwardedPort> forwarded)
      : port(std::move(forwarded)), owner_(owner), index_(index), number_(number) {}

  void begin();
  void send_data(std::string bytes) override;
  std::size_t queued_bytes() const override;
  void set_reading(bool reading) override;
  /// There is no word for it in this protocol: as in Kubernetes, a port is over when the pod has nothing more to say,
  /// and the client learns it from the end of all.
  void end_output() override { done(); }
  void fail(const std::string& why) override;
  void done() override;

  std::shared_ptr<ForwardedPort> port;
  bool is_paused = false;
  bool is_done = false;

 private:
  Channels& owner_;
  const std::size_t index_;
  const std::uint16_t number_;
};

class Channels final : public PeerSession {
 public:
  Channels(ApiContext& context, const model::Object& pod, const std::vector<std::uint16_t>& ports,
           std::string_view protocol)
      : framing_(protocol) {
    for (const auto port : ports) {
      auto forwarded = make_forwarded_port(context, {.pod_uid = pod.meta.uid, .pod_name = pod.meta.name, .port = port});
      channels_.push_back(std::make_unique<Channel>(*this, channels_.size(), port, std::move(forwarded)));
    }
  }

  ~Channels() override { abandon(); }

  void on_open(PeerSocket& socket) override {
    socket_ = &socket;
    for (const auto& channel : channels_) channel->begin();
  }

  void on_message(std::string_view message) override {
    const auto part = framing_.read(message);
    if (!part || part->channel % 2 != 0 || part->channel / 2U >= channels_.size()) return;
    channels_[part->channel / 2U]->port->input(part->bytes);
  }

  void on_drained() override {
    for (const auto& channel : channels_) channel->port->drained();
  }

  void on_closed() override {
    socket_ = nullptr;
    abandon();
  }

  PeerSocket* socket() const { return socket_; }

  void send(std::size_t channel, std::string bytes) {
    if (socket_ != nullptr) socket_->send(framing_.write(static_cast<unsigned char>(channel), std::move(bytes)));
  }

  void update() {
    if (socket_ == nullptr) return;
    bool paused = false;
    bool done = true;
    for (const auto& channel : channels_) {
      paused = paused || (channel->is_paused && !channel->is_done);
      done = done && channel->is_done;
    }
    socket_->set_reading(!paused);
    if (done) socket_->close();
  }

 private:
  void abandon() {
    for (const auto& channel : channels_) channel->port->abandon();
  }

  PeerSocket* socket_ = nullptr;
  std::vector<std::unique_ptr<Channel>> channels_;
  ChannelFraming framing_;
};

void Channel::begin() {
  const std::string bytes{static_cast<char>(number_ & 0xffU), static_cast<char>(number_ >> 8U)};
  owner_.send(2 * index_, bytes);
  owner_.send(2 * index_ + 1, bytes);
  port->start(*this);
}

void Channel::send_data(std::string bytes) { owner_.send(2 * index_, std::move(bytes)); }

std::size_t Channel::queued_bytes() const { return owner_.socket() == nullptr ? 0 : owner_.socket()->queued_bytes(); }

void Channel::set_reading(bool reading) {
  if (is_paused != reading) return;
  is_paused = !reading;
  owner_.update();
}

void Channel::fail(const std::string& why) { owner_.send(2 * index_ + 1, why); }

void Channel::done() {
  is_done = true;
  owner_.update();
}

}  // namespace

std::shared_ptr<PeerSession> make_port_forward_channels(ApiContext& context, const model::Object& pod,
                                                        const std::vector<std::uint16_t>& ports,
                                                        std::string_view protocol) {
  return std::make_shared<Channels>(context, pod, ports, protocol);
}

}  // namespace berth::api
