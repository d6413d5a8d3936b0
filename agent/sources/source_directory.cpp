// agent/sources/source_directory.cpp - inotify events to reads of the directory.
#include "agent/sources/source_directory.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/unique_fd.hpp"

namespace berth::agent {
namespace {

constexpr std::uint32_t kInside = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                  IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;
/// In the parent: the directory is made, removed, or a link with its name is swapped.
constexpr std::uint32_t kBeside = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;

/// A file that somebody has open for writing is believed when nothing was written for so long.
constexpr std::chrono::seconds kWriterPatience{10};

class DirectorySource final : public Source {
 public:
  DirectorySource(Loop& loop, Lane& lane, DirectorySourceOptions options, OnSnapshot on_snapshot)
      : loop_(loop),
        lane_(lane),
        options_(std::move(options)),
        on_snapshot_(std::move(on_snapshot)),
        reader_(std::make_shared<DirectoryReader>(options_.directory, options_.limits, options_.memory, options_.name,
                                                  options_.hosts)),
        inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    auto text = options_.directory.lexically_normal().native();
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    options_.directory = text;
    // Without inotify (its limits are small on some hosts) the rescan alone must do.
    if (inotify_) events_ = loop_.on_readable(inotify_.get(), [this] { take_events(); });
    read_again();
  }
  DirectorySource(const DirectorySource&) = delete;
  DirectorySource& operator=(const DirectorySource&) = delete;
  ~DirectorySource() override { *alive_ = false; }

  const std::string& name() const override { return reader_->name(); }

  void read_again() override {
    if (reading_) {
      again_ = true;
      return;
    }
    start_read();
  }

 private:
  void take_events() {
    alignas(inotify_event) std::array<char, 16 * 1024> buffer{};
    bool look = false;
    for (;;) {
      const auto got = ::read(inotify_.get(), buffer.data(), buffer.size());
      if (got <= 0) break;
      for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
        inotify_event event{};
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const char* name = buffer.data() + at + sizeof event;
        look = take_event(event, event.len == 0 ? std::string() : std::string(name)) || look;
        at += sizeof event + event.len;
      }
    }
    if (look) read_again();
  }

  /// Notes what it says about the name; true when it is time to look.
  bool take_event(const inotify_event& event, const std::string& name) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      open_.clear();  // the close may be among the lost
      return true;
    }
    if (event.wd == beside_ && event.wd != inside_) return name == options_.directory.filename().native();
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0) return event.wd == inside_;
    if (name.empty()) return (event.mask & IN_ATTRIB) != 0;  // the directory's own mode
    changed_.insert(name);
    if ((event.mask & (IN_CREATE | IN_MODIFY)) != 0) {
      open_[name] = std::chrono::steady_clock::now();
      // A link is whole from the start and no close will follow: look. The reader knows which it is.
      return (event.mask & IN_CREATE) != 0 && is_manifest_name(name);
    }
    open_.erase(name);
    return is_manifest_name(name) || name == kConfirmationName ||
           name.starts_with("..");  // "..data": how projected volumes swap
  }

  /// Watches what the path names now. Before each read: events between the two are then not lost.
  void watch() {
    if (!inotify_) return;
    const auto parent = options_.directory.has_parent_path() ? options_.directory.parent_path() : ".";
    // Adding a watch for a directory that has one changes nothing and gives the same number.
    beside_ = ::inotify_add_watch(inotify_.get(), parent.c_str(), kBeside);
    const int inside = ::inotify_add_watch(inotify_.get(), options_.directory.c_str(), kInside);
    if (inside_ >= 0 && inside != inside_ && inside_ != beside_) ::inotify_rm_watch(inotify_.get(), inside_);
    inside_ = inside;
  }

  void start_read() {
    reading_ = true;
    again_ = false;
    watch();
    ReadHints hints;
    hints.changed = std::exchange(changed_, {});
    hints.settled = std::exchange(settle_due_, false);
    const auto now = std::chrono::steady_clock::now();
    hints.now = now;
    std::erase_if(open_, [now](const auto& each) { return now - each.second > kWriterPatience; });
    for (const auto& [name, since] : open_) hints.open.insert(name);
    lane_.run([&loop = loop_, reader = reader_, hints = std::move(hints), alive = alive_, this] {
      auto snapshot = std::make_shared<SourceSnapshot>(reader->read(hints));
      loop.post([alive, snapshot, this] {
        if (*alive) finish_read(std::move(*snapshot));
      });
    });
  }

  void finish_read(SourceSnapshot snapshot) {
    reading_ = false;
    const bool settling = std::any_of(snapshot.files.begin(), snapshot.files.end(),
                                      [](const auto& file) { return file->settling || file->vanished; });
    const bool complete = snapshot.complete;
    on_snapshot_(std::move(snapshot));
    if (again_) return start_read();
    const auto delay = settling ? options_.settle : complete ? options_.rescan : options_.absent;
    timer_ = loop_.after(delay, [this, settling] {
      settle_due_ = settling;
      read_again();
    });
  }

  Loop& loop_;
  Lane& lane_;
  DirectorySourceOptions options_;
  OnSnapshot on_snapshot_;
  std::shared_ptr<DirectoryReader> reader_;  ///< The lane's while reading_.
  UniqueFd inotify_;
  std::unique_ptr<LoopHandle> events_;
  std::unique_ptr<LoopHandle> timer_;
  int inside_ = -1;                         ///< Watch of the directory.
  int beside_ = -1;                         ///< Watch of its parent.
  std::set<std::string> changed_;           ///< Names with an event since the last read.
  std::map<std::string, SteadyTime> open_;  ///< Names being written, and when last.
  bool reading_ = false;
  bool again_ = false;
  bool settle_due_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< Loop thread only.
};

}  // namespace

std::unique_ptr<Source> make_directory_source(Loop& loop, Lane& lane, DirectorySourceOptions options,
                                              OnSnapshot on_snapshot) {
  return std::make_unique<DirectorySource>(loop, lane, std::move(options), std::move(on_snapshot));
}

}  // namespace berth::agent
