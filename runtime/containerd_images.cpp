// runtime/containerd_images.cpp - image records, blobs, and pulls through CRI.
#include "runtime/containerd_client.hpp"

#include <fmt/format.h>

#include "containerd/content.pb.h"
#include "containerd/cri.pb.h"
#include "containerd/images.pb.h"
#include "runtime/containerd_codec.hpp"

namespace berth::runtime {
namespace {

const std::string kImages = "/containerd.services.images.v1.Images/";

ImageRecord to_record(const wire::images::Image& from) {
  return {from.name(), {from.target().media_type(), from.target().digest(), from.target().size()}};
}

}  // namespace

Result<ImageRecord> ContainerdClient::image(const std::string& name) {
  wire::images::GetRequest request;
  request.set_name(name);
  auto reply = unary<wire::images::GetResponse>(channel_, kImages + "Get", request, options());
  if (!reply) return reply.error();
  return to_record(reply->image());
}

Result<std::vector<ImageRecord>> ContainerdClient::images(const std::string& filter) {
  wire::images::ListRequest request;
  request.add_filters(filter);
  auto reply = unary<wire::images::ListResponse>(channel_, kImages + "List", request, options());
  if (!reply) return reply.error();
  std::vector<ImageRecord> found;
  for (const auto& image : reply->images()) found.push_back(to_record(image));
  return found;
}

Result<std::string> ContainerdClient::read_content(const std::string& digest, std::size_t max_bytes) {
  wire::content::ReadRequest request;
  request.set_digest(digest);
  const std::string method = "/containerd.services.content.v1.Content/Read";
  std::string blob;
  const auto status =
      channel_.collect(method, request.SerializeAsString(), options(), [&](const std::string& bytes) -> Status {
        wire::content::ReadResponse part;
        if (!part.ParseFromString(bytes)) return Error(ErrorCode::Internal, "reply does not parse");
        if (blob.size() + part.data().size() > max_bytes) {
          return Error(ErrorCode::ResourceExhausted, fmt::format("{} is larger than {} bytes", digest, max_bytes));
        }
        blob += part.data();
        return Ok{};
      });
  if (!status) return status.error().context(method_title(method));
  return blob;
}

Status ContainerdClient::pull_image(const std::string& name, const PullCredentials* credentials,
                                    std::chrono::milliseconds deadline) {
  wire::cri::PullImageRequest request;
  request.mutable_image()->set_image(name);
  if (credentials) {
    request.mutable_auth()->set_username(credentials->username);
    request.mutable_auth()->set_password(credentials->password);
    request.mutable_auth()->set_identity_token(credentials->identity_token);
  }
  const CallOptions without_namespace{{}, {}, deadline};
  const auto v1 = command(channel_, "/runtime.v1.ImageService/PullImage", request, without_namespace);
  if (!failed_with(v1, ErrorCode::Unimplemented)) return v1;
  return command(channel_, "/runtime.v1alpha2.ImageService/PullImage", request, without_namespace);
}

}  // namespace berth::runtime
