// tests/fakes/fake_log_reader.hpp - container logs in memory; the test appends lines.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/log_reader.hpp"

namespace berth::runtime {

/// A LogReader whose cursors honour tail and since, and whose wait_fd is an eventfd(2) that append() makes readable.
/// Any thread.
class FakeLogReader final : public LogReader {
 public:
  FakeLogReader();
  ~FakeLogReader() override;

  void append(const std::string& pod_uid, const std::string& container, std::uint32_t attempt, LogLine line);
  /// The next next() of any cursor fails with it.
  void fail_next(Error error);
  /// The queries seen by open().
  std::vector<LogQuery> queries() const;

  Result<std::unique_ptr<LogCursor>> open(const LogQuery& query) override;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace berth::runtime
