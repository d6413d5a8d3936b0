// volumes/helper/iscsi.hpp - LUNs of iSCSI targets (RFC 7143), by open-iscsi.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "model/model.hpp"

namespace berth::volumes::helper {

/// Logs in to every portal that answers (one suffices) and returns the LUN's node, the multipath map where there is
/// one. A session that is there already is used, and looks for new LUNs. Sessions that we began are noted in
/// host_dir()/iscsi, for all agents of this machine; a node record that was there before stays as it was. `secret`:
/// node.session.auth.username, ... as in a Secret of type kubernetes.io/iscsi-chap; used with chapAuthSession.
///
/// Errors: NotFound (open-iscsi is not installed; the target or LUN is not there), FailedPrecondition (iscsid does not
/// run; this host has another initiator name at the portal), Unauthenticated (CHAP: names portal, target and user),
/// Unavailable (no portal answers), InvalidArgument.
Result<std::filesystem::path> attach_iscsi(const model::IscsiSource& source, const model::StringMap& secret,
                                           const std::filesystem::path& run_dir);

/// Logs out of the sessions that we began and that nobody uses: no mount, no holder, no open device, and no other stage
/// than `key`. Nothing there is success.
Status detach_iscsi(const model::IscsiSource& source, const std::filesystem::path& run_dir, const std::string& key);

/// The same for every session of ours that no stage uses any more: somebody else may have used one of its LUNs when its
/// last volume went.
Status end_unused_sessions(const std::filesystem::path& run_dir);

}  // namespace berth::volumes::helper
