// store/local_sessions.cpp - see local_sessions.hpp.
#include "store/local_sessions.hpp"

#include <utility>

namespace berth::store {

class LocalSessions::Held final : public Session {
 public:
  Held(std::string name, std::shared_ptr<Names> names) : name_(std::move(name)), names_(std::move(names)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() override {
    const std::scoped_lock lock(names_->mutex);
    names_->held.erase(name_);
  }
  const std::string& name() const override { return name_; }
  bool surely_alive(BootClock::time_point /*now*/) const override { return true; }  // The file's lock is the lease.

 private:
  const std::string name_;
  std::shared_ptr<Names> names_;
};

Result<std::unique_ptr<Session>> LocalSessions::open(std::string name) {
  {
    const std::scoped_lock lock(names_->mutex);
    if (!names_->held.insert(name).second) {
      return Error(ErrorCode::AlreadyExists, "open session " + name + ": another one holds that name");
    }
  }
  return std::unique_ptr<Session>(std::make_unique<Held>(std::move(name), names_));
}

}  // namespace berth::store
