// runtime/logs/honest_log_reader.cpp - a log that says why it ends here, when the rest cannot be stored.
#include "runtime/log_health.hpp"
#include "runtime/log_reader.hpp"

namespace berth::runtime {
namespace {

/// A log that ends because what comes next cannot be stored must not pass for that of a silent container: its last line
/// says so, once.
class HonestCursor final : public LogCursor {
 public:
  HonestCursor(LogReader& lines, LogQuery query, std::filesystem::path run_dir, std::unique_ptr<LogCursor> stored)
      : lines_(lines), query_(std::move(query)), run_dir_(std::move(run_dir)), stored_(std::move(stored)) {}

  Result<std::optional<LogLine>> next() override {
    if (!stored_) {  // Nothing could be stored yet.
      auto opened = lines_.open(query_);
      if (!opened && opened.error().code() != ErrorCode::NotFound) return std::move(opened).error();
      if (opened) stored_ = *std::move(opened);
    }
    if (stored_) {
      auto line = stored_->next();
      if (!line || *line) return line;
    }
    if (told_) return std::optional<LogLine>();
    const auto trouble = log_trouble(read_log_health(run_dir_), query_);
    if (trouble.empty()) return std::optional<LogLine>();
    told_ = true;
    return std::optional<LogLine>(LogLine{.time = std::chrono::system_clock::now(),
                                          .is_stderr = true,
                                          .text = "berth: what this container writes now is not stored: " + trouble});
  }

  int wait_fd() const override { return stored_ ? stored_->wait_fd() : -1; }

 private:
  LogReader& lines_;
  const LogQuery query_;
  const std::filesystem::path run_dir_;
  std::unique_ptr<LogCursor> stored_;
  bool told_ = false;
};

class HonestLogReader final : public LogReader {
 public:
  HonestLogReader(std::unique_ptr<LogReader> lines, std::filesystem::path run_dir)
      : lines_(std::move(lines)), run_dir_(std::move(run_dir)) {}

  Result<std::unique_ptr<LogCursor>> open(const LogQuery& query) override {
    auto opened = lines_->open(query);
    if (!opened) {
      const auto nothing = opened.error().code() == ErrorCode::NotFound;
      if (!nothing || log_trouble(read_log_health(run_dir_), query).empty()) return std::move(opened).error();
    }
    return std::unique_ptr<LogCursor>(
        std::make_unique<HonestCursor>(*lines_, query, run_dir_, opened ? *std::move(opened) : nullptr));
  }

 private:
  std::unique_ptr<LogReader> lines_;
  const std::filesystem::path run_dir_;
};

}  // namespace

std::string log_trouble(const LogHealth& health, const LogQuery& query) {
  for (const auto& each : health.troubles) {
    if (each.pod_uid == query.pod_uid && each.container == query.container) return each.error;
  }
  return {};
}

std::unique_ptr<LogReader> make_honest_log_reader(std::unique_ptr<LogReader> lines,
                                                  const std::filesystem::path& run_dir) {
  return std::make_unique<HonestLogReader>(std::move(lines), run_dir);
}

}  // namespace berth::runtime
