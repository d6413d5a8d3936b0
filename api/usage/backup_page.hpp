// api/usage/backup_page.hpp - /berth/v1/backup: the whole store as one SQLite file, for whoever may do anything.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// False: not this page, `respond` was not used. The copy is made and read on the lane; a slow reader costs a
/// descriptor and the copy's place on the disk, no memory.
bool handle_backup(ApiContext& context, const Target& target, Method method, const Respond& respond);

}  // namespace berth::api
