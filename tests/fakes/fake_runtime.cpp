// tests/fakes/fake_runtime.cpp - see fake_runtime.hpp.
#include "tests/fakes/fake_runtime.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace berth::runtime {
namespace {

constexpr auto kDigest = "sha256:{:064x}";

Error no_image(const std::string& name) { return {ErrorCode::NotFound, "image \"" + name + "\": not found"}; }

}  // namespace

/// One session. Its stdin is the writing end of its own stdout: what a `cat` would do. Lock of the fake held, where not
/// said otherwise.
class FakeRuntime::Attached final : public ExecSession {
 public:
  using OnExit = std::function<void(Result<std::int32_t>)>;

  Attached(FakeRuntime& fake, std::string id, const AttachOptions& options, bool tty, bool stdin_once)
      : fake_(fake),
        id_(std::move(id)),
        has_stdout_(options.has_stdout),
        ends_container_(options.has_stdin && stdin_once && !tty) {
    std::tie(out_, out_writer_) = pipe();
    if (options.has_stderr && !tty) std::tie(err_, err_writer_) = pipe();
    if (options.has_stdin) in_.reset(::fcntl(out_writer_.get(), F_DUPFD_CLOEXEC, 0));
  }
  /// No lock held, here and in what overrides.
  ~Attached() override {
    {
      const std::scoped_lock lock(fake_.mutex_);
      std::erase(fake_.attached_, this);
    }
    if (ends_container_) fake_.end_stdin(id_);
  }

  int stdin_fd() const override { return in_.get(); }
  int stdout_fd() const override { return has_stdout_ ? out_.get() : -1; }
  int stderr_fd() const override { return err_.get(); }
  Status close_stdin() override {
    if (std::exchange(ends_container_, false)) {
      fake_.end_stdin(id_);
      return Ok{};
    }
    OnExit tell;
    {
      const std::scoped_lock lock(fake_.mutex_);
      tell = end(0);
    }
    if (tell) tell(0);
    return Ok{};
  }
  Status resize(std::uint16_t columns, std::uint16_t rows) override {
    const std::scoped_lock lock(fake_.mutex_);
    fake_.calls_.push_back(fmt::format("resize {} {}x{}", id_, columns, rows));
    return Ok{};
  }
  void on_exit(OnExit on_exit) override {
    std::unique_lock lock(fake_.mutex_);
    if (!ended_) {
      on_exit_ = std::move(on_exit);
      return;
    }
    const auto code = *ended_;
    lock.unlock();
    on_exit(code);
  }

  const std::string& id() const { return id_; }
  void write(const std::string& text, bool to_stderr) const {
    (void)!::write((to_stderr ? err_writer_ : out_writer_).get(), text.data(), text.size());
  }
  /// Every output ends. Who is to be told, by the caller, without the lock.
  OnExit end(std::int32_t code) {
    if (ended_) return {};
    ended_ = code;
    out_writer_.reset();
    err_writer_.reset();
    // The number stays valid for whoever has it.
    const UniqueFd nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (in_) ::dup3(nothing.get(), in_.get(), O_CLOEXEC);
    return std::exchange(on_exit_, nullptr);
  }

 private:
  static std::pair<UniqueFd, UniqueFd> pipe() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return {};
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
  }

  FakeRuntime& fake_;
  const std::string id_;
  const bool has_stdout_;
  bool ends_container_;  ///< The end of our stdin is that of the container's.
  UniqueFd in_, out_, out_writer_, err_, err_writer_;
  std::optional<std::int32_t> ended_;
  OnExit on_exit_;
};

/// A command in a container. Lock of the fake not held, where not said otherwise.
class FakeRuntime::Command final : public ExecSession {
 public:
  Command(FakeRuntime& fake, std::string id, std::vector<std::string> command)
      : fake_(fake), id_(std::move(id)), command_(std::move(command)) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
    out_.reset(ends[0]);
    writer_.reset(ends[1]);
  }
  ~Command() override {
    const std::scoped_lock lock(fake_.mutex_);
    std::erase(fake_.commands_, this);
  }

  int stdin_fd() const override { return -1; }
  int stdout_fd() const override { return out_.get(); }
  int stderr_fd() const override { return -1; }
  Status close_stdin() override { return Ok{}; }
  Status resize(std::uint16_t, std::uint16_t) override { return Ok{}; }
  void on_exit(std::function<void(Result<std::int32_t>)> on_exit) override {
    std::unique_lock lock(fake_.mutex_);
    if (!ended_) {
      on_exit_ = std::move(on_exit);
      return;
    }
    auto code = *ended_;
    lock.unlock();
    on_exit(std::move(code));
  }

  /// It ends as on_exec() says.
  void end() {
    decltype(fake_.exec_answer_) answer;
    {
      const std::scoped_lock lock(fake_.mutex_);
      answer = fake_.exec_answer_;
    }
    const auto result = answer ? answer(id_, command_) : ExecResult{};
    const std::string output = result ? result->output : std::string();
    (void)!::write(writer_.get(), output.data(), output.size());
    writer_.reset();
    std::unique_lock lock(fake_.mutex_);
    std::erase(fake_.commands_, this);
    ended_ = result ? Result<std::int32_t>(result->exit_code) : Result<std::int32_t>(result.error());
    const auto tell = std::exchange(on_exit_, nullptr);
    lock.unlock();
    if (tell) tell(*ended_);
  }

 private:
  FakeRuntime& fake_;
  const std::string id_;
  const std::vector<std::string> command_;
  UniqueFd out_, writer_;
  std::optional<Result<std::int32_t>> ended_;
  std::function<void(Result<std::int32_t>)> on_exit_;
};

FakeRuntime::FakeRuntime(const Clock* clock) : clock_(clock) {}

WallTime FakeRuntime::wall() const { return clock_ ? clock_->wall() : std::chrono::system_clock::now(); }

void FakeRuntime::add_image(const std::string& name, const std::string& user) {
  const std::scoped_lock lock(mutex_);
  images_[name] = {name, fmt::format(kDigest, std::hash<std::string>()(name)), user};
}

void FakeRuntime::remove_image(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  images_.erase(name);
}

void FakeRuntime::add_to_registry(const std::string& name, const std::string& user) {
  const std::scoped_lock lock(mutex_);
  registry_[name] = {name, fmt::format(kDigest, std::hash<std::string>()(name)), user};
}

void FakeRuntime::exit(const std::string& id, std::int32_t code, bool oom_killed) {
  std::function<void(const std::string&)> tell;
  std::vector<std::function<void(Result<std::int32_t>)>> ends;
  std::string uid;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = containers_.find(id);
    if (found == containers_.end() || found->second.phase != ContainerPhase::Running) return;
    found->second.phase = ContainerPhase::Exited;
    found->second.exit_code = code;
    found->second.oom_killed = oom_killed;
    found->second.finished_at = wall();
    uid = found->second.pod.uid;
    tell = on_change_;
    for (auto* session : attached_) {
      if (session->id() == id) ends.push_back(session->end(code));
    }
  }
  if (tell) tell(uid);
  for (const auto& end : ends) {
    if (end) end(code);
  }
}

void FakeRuntime::lose(const std::string& id) {
  std::function<void(const std::string&)> tell;
  std::string uid;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = containers_.find(id);
    if (found == containers_.end()) return;
    found->second.phase = ContainerPhase::Unknown;
    uid = found->second.pod.uid;
    tell = on_change_;
  }
  if (tell) tell(uid);
}

void FakeRuntime::write_output(const std::string& id, const std::string& text, bool to_stderr) {
  const std::scoped_lock lock(mutex_);
  for (const auto* session : attached_) {
    if (session->id() == id) session->write(text, to_stderr);
  }
}

void FakeRuntime::end_stdin(const std::string& id) {
  {
    const std::scoped_lock lock(mutex_);
    if (!stdin_closed_.insert(id).second) return;
  }
  exit(id, 0);
}

void FakeRuntime::reconnect() {
  std::function<void()> tell;
  {
    const std::scoped_lock lock(mutex_);
    tell = on_reconnect_;
  }
  if (tell) tell();
}

void FakeRuntime::fail_next(const std::string& verb, Error error) {
  const std::scoped_lock lock(mutex_);
  failures_[verb].push_back(std::move(error));
}

std::optional<Error> FakeRuntime::scripted(const std::string& verb) {
  auto& queue = failures_[verb];
  if (queue.empty()) return std::nullopt;
  auto error = std::move(queue.front());
  queue.pop_front();
  return error;
}

void FakeRuntime::on_exec(
    std::function<Result<ExecResult>(const std::string&, const std::vector<std::string>&)> answer) {
  const std::scoped_lock lock(mutex_);
  exec_answer_ = std::move(answer);
}

void FakeRuntime::on_signal(std::function<void(const std::string&, int)> act) {
  const std::scoped_lock lock(mutex_);
  signal_ = std::move(act);
}

void FakeRuntime::on_start(std::function<void(const std::string&)> act) {
  const std::scoped_lock lock(mutex_);
  start_ = std::move(act);
}

void FakeRuntime::hold_pulls() {
  const std::scoped_lock lock(mutex_);
  hold_pulls_ = true;
}

void FakeRuntime::finish_pulls() {
  std::vector<std::pair<std::string, std::function<void(Result<ImageInfo>)>>> held;
  {
    const std::scoped_lock lock(mutex_);
    hold_pulls_ = false;
    held.swap(held_);
  }
  for (const auto& [reference, done] : held) complete_pull(reference, done);
}

std::vector<std::string> FakeRuntime::calls() const {
  const std::scoped_lock lock(mutex_);
  return calls_;
}

ContainerSpec FakeRuntime::spec(const std::string& id) const {
  const std::scoped_lock lock(mutex_);
  const auto found = specs_.find(id);
  return found == specs_.end() ? ContainerSpec() : found->second;
}

std::size_t FakeRuntime::running() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<std::size_t>(std::count_if(containers_.begin(), containers_.end(), [](const auto& entry) {
    return entry.second.phase == ContainerPhase::Running;
  }));
}

std::size_t FakeRuntime::looks() const {
  const std::scoped_lock lock(mutex_);
  return looks_;
}

Status FakeRuntime::check() {
  const std::scoped_lock lock(mutex_);
  if (auto error = scripted("check")) return *std::move(error);
  return Ok{};
}

Result<std::vector<ContainerState>> FakeRuntime::containers(const std::string& pod_uid) {
  const std::scoped_lock lock(mutex_);
  ++looks_;
  if (auto error = scripted("containers")) return *std::move(error);
  std::vector<ContainerState> found;
  for (const auto& [id, state] : containers_) {
    if (state.pod.uid == pod_uid) found.push_back(state);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.attempt < b.attempt; });
  return found;
}

Result<std::vector<ContainerState>> FakeRuntime::all_containers() {
  const std::scoped_lock lock(mutex_);
  if (auto error = scripted("all_containers")) return *std::move(error);
  std::vector<ContainerState> found;
  for (const auto& [id, state] : containers_) found.push_back(state);
  return found;
}

Status FakeRuntime::start(const ContainerSpec& spec) {
  decltype(start_) act;
  {
    const std::scoped_lock lock(mutex_);
    act = start_;
  }
  if (act) act(container_id(spec.pod.uid, spec.name, spec.attempt));
  const std::scoped_lock lock(mutex_);
  calls_.push_back(fmt::format("start {}/{}#{}", spec.pod.name, spec.name, spec.attempt));
  if (auto error = scripted("start")) return *std::move(error);
  const auto image = images_.find(spec.image);
  if (image == images_.end()) return no_image(spec.image);
  const auto id = container_id(spec.pod.uid, spec.name, spec.attempt);
  if (const auto found = containers_.find(id);
      found != containers_.end() && found->second.phase != ContainerPhase::Created) {
    return Ok{};
  }
  if (!spec.host_users) return Error(ErrorCode::InvalidArgument, "hostUsers: false asks for a user namespace");
  const auto non_root =
      (spec.security.run_as_non_root ? spec.security.run_as_non_root : spec.pod_security.run_as_non_root);
  const auto user = spec.security.run_as_user ? spec.security.run_as_user : spec.pod_security.run_as_user;
  if (non_root.value_or(false) && (user ? *user == 0 : image->second.user.empty() || image->second.user == "0")) {
    return Error(ErrorCode::InvalidArgument, "container has runAsNonRoot and image will run as root");
  }
  ContainerState state;
  state.id = id;
  state.pod = spec.pod;
  state.name = spec.name;
  state.attempt = spec.attempt;
  state.phase = ContainerPhase::Running;
  state.pid = next_pid_++;
  state.created_at = state.started_at = wall();
  state.image = spec.image;
  state.image_id = image->second.digest;
  containers_[id] = state;
  specs_[id] = spec;
  return Ok{};
}

Status FakeRuntime::kill(const std::string& id, int signal) {
  std::function<void(const std::string&, int)> act;
  {
    const std::scoped_lock lock(mutex_);
    calls_.push_back(fmt::format("kill {} {}", id, signal));
    if (auto error = scripted("kill")) return *std::move(error);
    const auto found = containers_.find(id);
    if (found == containers_.end() || found->second.phase != ContainerPhase::Running) return Ok{};
    act = signal_;
  }
  if (act) {
    act(id, signal);
  } else if (signal == SIGTERM || signal == SIGKILL) {
    exit(id, 128 + signal);
  }
  return Ok{};
}

Status FakeRuntime::request_stop(const std::string& id) {
  int signal = SIGTERM;
  {
    const std::scoped_lock lock(mutex_);
    const auto spec = specs_.find(id);
    const auto found = spec == specs_.end() ? stop_signals_.end() : stop_signals_.find(spec->second.image);
    if (found != stop_signals_.end()) signal = found->second;
  }
  return kill(id, signal);
}

void FakeRuntime::set_stop_signal(const std::string& image, int signal) {
  const std::scoped_lock lock(mutex_);
  stop_signals_[image] = signal;
}

void FakeRuntime::set_usage(std::vector<ContainerUsage> usage) {
  const std::scoped_lock lock(mutex_);
  usage_ = std::move(usage);
}

Result<std::vector<ContainerUsage>> FakeRuntime::usage() {
  const std::scoped_lock lock(mutex_);
  if (auto error = scripted("usage")) return *std::move(error);
  return usage_;
}

Status FakeRuntime::remove(const std::string& id) {
  const std::scoped_lock lock(mutex_);
  calls_.push_back("remove " + id);
  if (auto error = scripted("remove")) return *std::move(error);
  containers_.erase(id);
  return Ok{};
}

void FakeRuntime::await_output(const std::string& id) {
  const std::scoped_lock lock(mutex_);
  calls_.push_back("await_output " + id);
}

void FakeRuntime::leave_behind(const std::string& pod_uid) {
  const std::scoped_lock lock(mutex_);
  left_behind_.insert(pod_uid);
}

Result<std::vector<std::string>> FakeRuntime::present_pods() {
  const std::scoped_lock lock(mutex_);
  if (auto error = scripted("present_pods")) return *std::move(error);
  auto uids = left_behind_;
  for (const auto& [id, state] : containers_) uids.insert(state.pod.uid);
  return std::vector<std::string>(uids.begin(), uids.end());
}

Status FakeRuntime::remove_pod(const std::string& pod_uid) {
  const std::scoped_lock lock(mutex_);
  calls_.push_back("remove_pod " + pod_uid);
  if (auto error = scripted("remove_pod")) return *std::move(error);
  std::erase_if(containers_, [&](const auto& entry) { return entry.second.pod.uid == pod_uid; });
  left_behind_.erase(pod_uid);
  return Ok{};
}

Result<ImageInfo> FakeRuntime::image(const std::string& reference) {
  const std::scoped_lock lock(mutex_);
  if (auto error = scripted("image")) return *std::move(error);
  const auto found = images_.find(reference);
  if (found == images_.end()) return no_image(reference);
  return found->second;
}

void FakeRuntime::pull(const std::string& reference, const std::vector<RegistryAuth>&,
                       std::function<void(Result<ImageInfo>)> done) {
  {
    const std::scoped_lock lock(mutex_);
    calls_.push_back("pull " + reference);
    if (hold_pulls_) {
      held_.emplace_back(reference, std::move(done));
      return;
    }
  }
  complete_pull(reference, done);
}

void FakeRuntime::complete_pull(const std::string& reference, const std::function<void(Result<ImageInfo>)>& done) {
  Result<ImageInfo> result = no_image(reference);
  {
    const std::scoped_lock lock(mutex_);
    if (auto error = scripted("pull")) {
      result = *std::move(error);
    } else if (const auto found = registry_.find(reference); found != registry_.end()) {
      images_[reference] = found->second;
      result = found->second;
    } else if (const auto present = images_.find(reference); present != images_.end()) {
      result = present->second;
    }
  }
  done(std::move(result));
}

Result<ExecResult> FakeRuntime::exec(const std::string& id, const std::vector<std::string>& command,
                                     std::chrono::milliseconds) {
  std::function<Result<ExecResult>(const std::string&, const std::vector<std::string>&)> answer;
  {
    const std::scoped_lock lock(mutex_);
    if (auto error = scripted("exec")) return *std::move(error);
    const auto found = containers_.find(id);
    if (found == containers_.end() || found->second.phase != ContainerPhase::Running) {
      return Error(ErrorCode::NotFound, "exec in container " + id + ": not running");
    }
    answer = exec_answer_;
  }
  return answer ? answer(id, command) : ExecResult{};
}

Result<std::unique_ptr<ExecSession>> FakeRuntime::exec_stream(const std::string& id, const ExecOptions& options) {
  std::unique_ptr<Command> command;
  auto held = false;
  {
    const std::scoped_lock lock(mutex_);
    calls_.push_back("exec " + id);
    if (auto error = scripted("exec_stream")) return *std::move(error);
    const auto found = containers_.find(id);
    if (found == containers_.end() || found->second.phase != ContainerPhase::Running) {
      return Error(ErrorCode::NotFound, "exec in container " + id + ": not running");
    }
    command = std::make_unique<Command>(*this, id, options.command);
    commands_.push_back(command.get());
    held = hold_execs_;
  }
  if (!held) command->end();
  return std::unique_ptr<ExecSession>(std::move(command));
}

void FakeRuntime::hold_execs() {
  const std::scoped_lock lock(mutex_);
  hold_execs_ = true;
}

void FakeRuntime::finish_execs() {
  std::vector<Command*> held;
  {
    const std::scoped_lock lock(mutex_);
    hold_execs_ = false;
    held = commands_;
  }
  for (auto* command : held) command->end();
}

std::size_t FakeRuntime::execs() const {
  const std::scoped_lock lock(mutex_);
  return commands_.size();
}

Result<std::unique_ptr<ExecSession>> FakeRuntime::attach(const std::string& id, const AttachOptions& options) {
  const std::scoped_lock lock(mutex_);
  calls_.push_back("attach " + id);
  if (auto error = scripted("attach")) return *std::move(error);
  const auto found = containers_.find(id);
  if (found == containers_.end()) return Error(ErrorCode::NotFound, fmt::format("container {} is not there", id));
  if (found->second.phase != ContainerPhase::Running) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("container {} is not running", found->second.name));
  }
  const auto& spec = specs_.at(id);
  if (options.has_stdin && (!spec.has_stdin || stdin_closed_.contains(id))) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("container {} has no stdin", spec.name));
  }
  auto session = std::make_unique<Attached>(*this, id, options, spec.tty, spec.stdin_once);
  attached_.push_back(session.get());
  return std::unique_ptr<ExecSession>(std::move(session));
}

void FakeRuntime::subscribe(std::function<void(const std::string&)> on_change, std::function<void()> on_reconnect) {
  {
    const std::scoped_lock lock(mutex_);
    on_change_ = std::move(on_change);
    on_reconnect_ = on_reconnect;
  }
  if (on_reconnect) on_reconnect();
}

}  // namespace berth::runtime
