// tests/fakes/fake_log_reader.cpp - see fake_log_reader.hpp.
#include "tests/fakes/fake_log_reader.hpp"

#include <sys/eventfd.h>

#include <tuple>

#include "base/unique_fd.hpp"

namespace berth::runtime {

struct FakeLogReader::State {
  using Key = std::tuple<std::string, std::string, std::uint32_t>;
  struct Log {
    std::vector<LogLine> lines;
    std::vector<int> waiters;  ///< eventfds of open cursors
  };
  std::mutex mutex;
  std::map<Key, Log> logs;
  std::optional<Error> failure;
  std::vector<LogQuery> queries;
};

namespace {

FakeLogReader::State::Key key_of(const LogQuery& query) { return {query.pod_uid, query.container, query.attempt}; }

class Cursor final : public LogCursor {
 public:
  Cursor(std::shared_ptr<FakeLogReader::State> state, const LogQuery& query, std::size_t from)
      : state_(std::move(state)), query_(query), next_(from), fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    state_->logs[key_of(query_)].waiters.push_back(fd_.get());
  }
  ~Cursor() override {
    const std::scoped_lock lock(state_->mutex);
    std::erase(state_->logs[key_of(query_)].waiters, fd_.get());
  }

  Result<std::optional<LogLine>> next() override {
    const std::scoped_lock lock(state_->mutex);
    eventfd_t ignored = 0;
    static_cast<void>(::eventfd_read(fd_.get(), &ignored));
    if (state_->failure) {
      auto error = *std::move(state_->failure);
      state_->failure.reset();
      return error;
    }
    const auto& lines = state_->logs[key_of(query_)].lines;
    while (next_ < lines.size()) {
      const auto& line = lines[next_++];
      if (!query_.since || line.time >= *query_.since) return std::optional(line);
    }
    return std::optional<LogLine>();
  }
  int wait_fd() const override { return fd_.get(); }

 private:
  std::shared_ptr<FakeLogReader::State> state_;
  LogQuery query_;
  std::size_t next_;
  UniqueFd fd_;
};

}  // namespace

FakeLogReader::FakeLogReader() : state_(std::make_shared<State>()) {}
FakeLogReader::~FakeLogReader() = default;

void FakeLogReader::append(const std::string& pod_uid, const std::string& container, std::uint32_t attempt,
                           LogLine line) {
  const std::scoped_lock lock(state_->mutex);
  auto& log = state_->logs[{pod_uid, container, attempt}];
  log.lines.push_back(std::move(line));
  for (const int fd : log.waiters) static_cast<void>(::eventfd_write(fd, 1));
}

void FakeLogReader::fail_next(Error error) {
  const std::scoped_lock lock(state_->mutex);
  state_->failure = std::move(error);
}

std::vector<LogQuery> FakeLogReader::queries() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->queries;
}

Result<std::unique_ptr<LogCursor>> FakeLogReader::open(const LogQuery& query) {
  const std::scoped_lock lock(state_->mutex);
  state_->queries.push_back(query);
  const auto it = state_->logs.find(key_of(query));
  if (it == state_->logs.end()) return Error(ErrorCode::NotFound, "open log: nothing was written");
  const auto size = it->second.lines.size();
  const auto from = query.tail && *query.tail < size ? size - static_cast<std::size_t>(*query.tail) : 0;
  return std::unique_ptr<LogCursor>(std::make_unique<Cursor>(state_, query, from));
}

}  // namespace berth::runtime
