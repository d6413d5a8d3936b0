// agent/sources/source_copy.hpp - a source of which several hosts have copies: is this host's copy to be applied? Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/sources/source_snapshot.hpp"
#include "model/meta.hpp"

namespace berth::agent {

/// On each Node: the sources of the cluster ("shop,web") whose copies on that host may be applied. One of the hosts
/// that say so, and are there, reads a source: the warden of "source/NAME" among them.
inline constexpr const char* kSourcesNote = "berth.io/sources";
bool notes_source(const model::ObjectMeta& node, std::string_view name);

/// The Lease of the cluster's source `name`: which copy is applied, and whose.
model::ObjectKey applied_key(std::string_view name);

/// A copy as its host knows it.
struct SourceCopy {
  std::string content;  ///< A hash of all of it; empty: it is not read whole.
  std::string agreed;   ///< What `content` was when it last was what is applied; empty: not since our start.
};

/// What a source's Lease says.
struct AppliedCopy {
  std::string content;
  std::string host;
  bool operator==(const AppliedCopy&) const = default;
};
/// Nothing: no copy was applied yet.
std::optional<AppliedCopy> applied_copy(const model::Object* lease);
/// Into a Lease, which may be new and empty.
void set_applied_copy(json::object& lease, std::string_view name, const AppliedCopy& applied);

enum class Standing {
  Unread,  ///< Not all of it can be read: nothing can be said.
  Same,    ///< It is what is applied.
  Newer,   ///< It was what is applied, or nothing was, and has changed since: somebody wants that.
  Older,   ///< It is another, and nobody has touched it: what is applied came after it.
};

/// A host that applied last, and comes back with another copy, was given that while it was away. One that did not, and
/// does not know what it had: Older, until its copy is the one that is applied or changes before its eyes.
Standing standing_of(const SourceCopy& copy, const std::optional<AppliedCopy>& applied, std::string_view own);

/// A hash of all that a copy says, the same on every host. Empty: not all of it could be read. Nothing: it is just
/// being written, what was read before stands. The names of files count, where they are does not.
std::optional<std::string> content_of(const SourceSnapshot& snapshot);

}  // namespace berth::agent
