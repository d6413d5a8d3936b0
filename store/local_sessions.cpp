// store/local_sessions.cpp - see local_sessions.hpp.
#include "store/local_sessions.hpp"

#include <utility>

namespace berth::store {

class LocalSessions::Held final : public Session {
 public:
  Held(std::string name, std::shared_ptr<HolderBoard> board) : name_(std::move(name)), board_(std::move(board)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() override { board_->remove(name_); }
  const std::string& name() const override { return name_; }
  bool surely_alive(BootClock::time_point /*now*/) const override { return true; }  // The file's lock is the lease.

 private:
  const std::string name_;
  const std::shared_ptr<HolderBoard> board_;
};

Result<std::unique_ptr<Session>> LocalSessions::open(std::string name) {
  if (!board_->add(name, {})) {
    return Error(ErrorCode::AlreadyExists, "open session " + name + ": another one holds that name");
  }
  return std::unique_ptr<Session>(std::make_unique<Held>(std::move(name), board_));
}

}  // namespace berth::store
