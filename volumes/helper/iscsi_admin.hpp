// volumes/helper/iscsi_admin.hpp - iscsiadm(8), and the node records it keeps.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "volumes/helper/iscsi_session.hpp"

namespace berth::volumes::helper {

/// One path to a target.
struct IscsiNode {
  std::string iqn;
  Portal portal;
  std::string iface = "default";
};

using IscsiSettings = std::vector<std::pair<std::string, std::string>>;

/// What a node's record shall say: no start at boot, one try per login, and CHAP with chapAuthSession.
/// InvalidArgument: a user name or password that cannot be in a record (line breaks). Pure.
Result<IscsiSettings> node_settings(const model::IscsiSource& source, const model::StringMap& secret);

/// The record's text with these settings in place of what it says of them. Pure.
std::string with_settings(std::string_view record, const IscsiSettings& settings);

/// iscsiadm's failure to log in, for the user. Never has a password in it: iscsiadm prints none. Pure.
Error login_error(const IscsiNode& node, const std::string& chap_user, int exit_code, std::string_view output);

/// Ok when iscsid answers; it is started where systemd runs. FailedPrecondition: it does not run. NotFound: open-iscsi
/// is not installed.
Status want_iscsid();

/// Makes the record if there is none and writes the settings into its file: on a command line everybody could read the
/// password.
Status make_node(const IscsiNode& node, const IscsiSettings& settings);

/// Logged in already is success.
Status log_in(const IscsiNode& node, const std::string& chap_user);

/// Not logged in is success.
Status log_out(const IscsiNode& node);

/// open-iscsi keeps one record for a portal that was named without its group tag, as ours are.
/// FailedPrecondition: it is there, of another interface than the node's: a login would have that one's initiator name,
/// or none.
Status want_no_other_iface(const IscsiNode& node);
/// The same by the record's text. Pure.
Status check_iface(const IscsiNode& node, std::string_view record);

/// The text of the record; none when there is none.
std::optional<std::string> node_record(const IscsiNode& node);
/// Writes it back as it was; made again when it is gone.
Status restore_node(const IscsiNode& node, const std::string& record);
/// Deletes the record. Gone is success.
Status forget_node(const IscsiNode& node);

/// An interface like `like`, with another initiator name; there already is success.
Status make_iface(const std::string& name, const std::string& like, const std::string& initiator_name);
Status remove_iface(const std::string& name);

}  // namespace berth::volumes::helper
