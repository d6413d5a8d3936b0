// runtime/runtime_attach.cpp - the streams of running containers.
#include "runtime/containerd_runtime.hpp"

namespace berth::runtime {

Result<std::unique_ptr<ExecSession>> ContainerdRuntime::attach(const std::string& id, const AttachOptions&) {
  return Error(ErrorCode::Unimplemented, "attach to container " + id + ": not yet");
}

}  // namespace berth::runtime
