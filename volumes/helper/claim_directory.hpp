// volumes/helper/claim_directory.hpp - directories of claims on a share that others write to as well: BASE/NS/CLAIM.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace berth::volumes::helper {

/// Makes BASE/NS/CLAIM step by step and follows no link on the way. It appears with its mode; one that is there is left
/// as it is. Errors: InvalidArgument (a name that cannot be a directory's), FailedPrecondition (something else is
/// there), PermissionDenied (the server does not let us).
Status make_claim_directory(const std::filesystem::path& base, const std::string& ns, const std::string& claim,
                            mode_t mode);

/// Moves it to BASE/NS/.trash/CLAIM_<n>, then removes that and what earlier calls left there. A claim of the same name
/// never sees half of the old content. Gone is success. DeadlineExceeded: call again, it goes on.
Status remove_claim_directory(const std::filesystem::path& base, const std::string& ns, const std::string& claim,
                              SteadyTime deadline);

/// Renames it to BASE/NS/archived_CLAIM, or archived_CLAIM_<n> where that is there. Gone is success.
Status archive_claim_directory(const std::filesystem::path& base, const std::string& ns, const std::string& claim);

}  // namespace berth::volumes::helper
