// agent/sources/source_snapshot.hpp - what one source of manifests said when it was last read.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.hpp"

namespace berth::agent {

/// One file, or the one document behind a URL.
struct SourceFile {
  std::string id;  ///< "directory:/etc/berth/manifests/web.yaml", "cluster:shop/web.yaml": kept on what the file made.
  std::string hash;          ///< Of the content, hexadecimal.
  model::Manifest manifest;  ///< With errors: keeps what it made before, changes nothing.
  /// Of each of manifest.objects: hash_objects() fills it where the file is read, so that a plan need not.
  std::vector<std::string> object_hashes;
  bool settling = false;  ///< Perhaps half-written: as with errors, but nobody is told yet.
  bool vanished = false;  ///< Not there just now; perhaps an editor replaces it: what it made stays for now.

  /// Is this file to be applied? One without any object is not: truncated is not deleted.
  bool sound() const { return !settling && !vanished && manifest.errors.empty() && !empty(); }
  /// Nothing in it, not even what is not run here.
  bool empty() const { return manifest.objects.empty() && manifest.left_out.empty(); }
};

/// SHA-256 of `text`, hexadecimal.
std::string content_hash(std::string_view text);

/// Fills `file.object_hashes`. The order of an object's fields says nothing.
void hash_objects(SourceFile& file);

struct SourceSnapshot {
  /// "directory:/etc/berth/manifests", "url:https://config.example/worker1.yaml"; "cluster:shop" when it is the
  /// cluster's, whatever it is on this host.
  std::string name;
  /// All of the source was read: a file that is not in `files` is not there. Only then may anything be removed.
  bool complete = false;
  std::string error;                                     ///< Why it is not complete.
  std::vector<model::Problem> problems;                  ///< Of the source as a whole, although it was read.
  std::vector<std::shared_ptr<const SourceFile>> files;  ///< Sorted by id.
};

using OnSnapshot = std::function<void(SourceSnapshot)>;

/// A source that watches by itself until destroyed. Loop thread.
class Source {
 public:
  virtual ~Source() = default;
  virtual const std::string& name() const = 0;
  /// Reads again soon: at a signal, for tests.
  virtual void read_again() = 0;
};

/// In front of the name of a source that is the cluster's: many hosts have copies of it, one of them reads it.
constexpr std::string_view kClusterSource = "cluster:";
inline bool is_cluster_source(std::string_view id) { return id.starts_with(kClusterSource); }
/// "shop" of "cluster:shop".
inline std::string cluster_name(const std::string& source) { return source.substr(kClusterSource.size()); }

/// Which source a file id belongs to: itself for a URL, the part before the last slash for a directory.
inline std::string source_of(const std::string& id) {
  return id.starts_with("directory:") || is_cluster_source(id) ? id.substr(0, id.rfind('/')) : id;
}

}  // namespace berth::agent
