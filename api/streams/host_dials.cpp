// api/streams/host_dials.cpp - see host_dials.hpp.
#include "api/streams/host_dials.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace berth::api {
namespace {

using Done = std::function<void(Result<UniqueFd>)>;

/// Held by the dialer, and by each dial that is under way.
class HostDials : public std::enable_shared_from_this<HostDials> {
 public:
  HostDials(HostDialer dial, std::size_t most) : dial_(std::move(dial)), most_(most) {}

  void ask(const TcpAddress& to, Done done) {
    auto& host = hosts_[to.text()];
    if (host.dialled >= most_) {
      host.waiting.push_back(std::move(done));
      return;
    }
    ++host.dialled;
    dial_(to, [self = shared_from_this(), to, before = host.made, done = std::move(done)](Result<UniqueFd> made) {
      self->answer(to, before, done, std::move(made));
    });
  }

 private:
  struct Host {
    std::size_t dialled = 0;
    std::size_t made = 0;
    std::deque<Done> waiting;
  };

  /// `before`: how many were made when this one began.
  void answer(const TcpAddress& to, std::size_t before, const Done& done, Result<UniqueFd> made) {
    auto& host = hosts_.at(to.text());
    --host.dialled;
    if (made) ++host.made;
    std::deque<Done> next;
    const auto failed = host.made != before ? std::optional<Error>() : made.error();
    if (failed) {
      next.swap(host.waiting);
    } else if (!host.waiting.empty()) {
      next.push_back(std::move(host.waiting.front()));
      host.waiting.pop_front();
    }
    if (host.dialled == 0 && host.waiting.empty()) hosts_.erase(to.text());
    done(std::move(made));
    for (auto& each : next) {
      if (failed) {
        each(*failed);
      } else {
        ask(to, std::move(each));
      }
    }
  }

  const HostDialer dial_;
  const std::size_t most_;
  std::map<std::string, Host> hosts_;
};

}  // namespace

HostDialer shared_fairly(HostDialer dial, std::size_t most) {
  return [dials = std::make_shared<HostDials>(std::move(dial), most)](const TcpAddress& to, Done done) {
    dials->ask(to, std::move(done));
  };
}

}  // namespace berth::api
