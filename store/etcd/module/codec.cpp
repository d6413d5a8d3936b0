// store/etcd/module/codec.cpp - see codec.hpp.
#include "store/etcd/module/codec.hpp"

#include "etcd/kv.pb.h"
#include "etcd/lease.pb.h"
#include "etcd/server.pb.h"
#include "etcd/watch.pb.h"

namespace berth::store::etcd {
namespace {

namespace wire = berth::wire::etcd;

std::int64_t number(Revision revision) { return static_cast<std::int64_t>(revision); }
Revision revision(std::int64_t number) { return number < 0 ? 0 : static_cast<Revision>(number); }

template <typename Message>
Result<Message> parsed(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Error(ErrorCode::Internal, "the server's answer is no message of etcd");
  }
  return message;
}

KeyValue taken(wire::KeyValue& from) {
  KeyValue kv;
  kv.key = std::move(*from.mutable_key());
  kv.value = std::move(*from.mutable_value());
  kv.created = revision(from.create_revision());
  kv.modified = revision(from.mod_revision());
  kv.lease = from.lease();
  return kv;
}

void fill(wire::Compare& to, const Compare& from) {
  to.set_result(from.below ? wire::Compare::LESS : wire::Compare::EQUAL);
  to.set_key(from.keys.begin);
  to.set_range_end(from.keys.end);
  switch (from.what) {
    case Compare::What::Created:
      to.set_target(wire::Compare::CREATE);
      to.set_create_revision(number(from.revision));
      break;
    case Compare::What::Modified:
      to.set_target(wire::Compare::MOD);
      to.set_mod_revision(number(from.revision));
      break;
  }
}

void fill(wire::RequestOp& to, const Op& from) {
  const auto range = [&] {
    auto* request = to.mutable_request_range();
    request->set_key(from.keys.begin);
    request->set_range_end(from.keys.end);
    return request;
  };
  switch (from.type) {
    case Op::Type::Put: {
      auto* put = to.mutable_request_put();
      put->set_key(from.keys.begin);
      put->set_value(from.value);
      put->set_lease(from.lease);
      break;
    }
    case Op::Type::Remove: to.mutable_request_delete_range()->set_key(from.keys.begin); break;
    case Op::Type::Get: range(); break;
    case Op::Type::Newest: {
      auto* request = range();
      request->set_limit(1);
      request->set_keys_only(true);
      request->set_sort_order(wire::RangeRequest::DESCEND);
      request->set_sort_target(wire::RangeRequest::MOD);
      break;
    }
  }
}

}  // namespace

std::string encode(const TxnRequest& request) {
  wire::TxnRequest message;
  for (const auto& each : request.conditions) fill(*message.add_compare(), each);
  for (const auto& each : request.then) fill(*message.add_success(), each);
  for (const auto& each : request.otherwise) fill(*message.add_failure(), each);
  return message.SerializeAsString();
}

std::string encode(const RangeRequest& request) {
  wire::RangeRequest message;
  message.set_key(request.keys.begin);
  message.set_range_end(request.keys.end);
  message.set_limit(request.limit);
  message.set_revision(number(request.at));
  return message.SerializeAsString();
}

std::string encode_compaction(Revision revision) {
  wire::CompactionRequest message;
  message.set_revision(number(revision));
  return message.SerializeAsString();
}

std::string encode_watch(const KeyRange& keys, Revision from) {
  wire::WatchRequest message;
  auto* create = message.mutable_create_request();
  create->set_key(keys.begin);
  create->set_range_end(keys.end);
  create->set_start_revision(number(from));
  create->set_progress_notify(true);
  return message.SerializeAsString();
}

std::string encode_grant(std::chrono::seconds ttl) {
  wire::LeaseGrantRequest message;
  message.set_ttl(ttl.count());
  return message.SerializeAsString();
}

std::string encode_lease(LeaseId lease) {
  // Both questions have the one field with the same number.
  wire::LeaseRevokeRequest message;
  message.set_id(lease);
  return message.SerializeAsString();
}

std::string encode_login(const std::string& user, const std::string& password) {
  wire::AuthenticateRequest message;
  message.set_name(user);
  message.set_password(password);
  return message.SerializeAsString();
}

Result<TxnAnswer> decode_txn(std::string_view bytes) {
  auto message = parsed<wire::TxnResponse>(bytes);
  if (!message) return std::move(message).error();
  TxnAnswer answer;
  answer.succeeded = message->succeeded();
  answer.revision = revision(message->header().revision());
  for (auto& each : *message->mutable_responses()) {
    auto& found = answer.found.emplace_back();
    if (!each.has_response_range()) continue;
    for (auto& kv : *each.mutable_response_range()->mutable_kvs()) found.push_back(taken(kv));
  }
  return answer;
}

Result<RangeAnswer> decode_range(std::string_view bytes) {
  auto message = parsed<wire::RangeResponse>(bytes);
  if (!message) return std::move(message).error();
  RangeAnswer answer;
  answer.more = message->more();
  answer.revision = revision(message->header().revision());
  for (auto& kv : *message->mutable_kvs()) answer.found.push_back(taken(kv));
  return answer;
}

Result<EtcdStatus> decode_status(std::string_view bytes) {
  auto message = parsed<wire::StatusResponse>(bytes);
  if (!message) return std::move(message).error();
  return EtcdStatus{message->version(), message->dbsize(), {message->errors().begin(), message->errors().end()}};
}

Result<std::vector<EtcdMember>> decode_members(std::string_view bytes) {
  const auto message = parsed<wire::MemberListResponse>(bytes);
  if (!message) return message.error();
  std::vector<EtcdMember> members;
  for (const auto& each : message->members()) {
    members.push_back({{each.clienturls().begin(), each.clienturls().end()}, each.islearner()});
  }
  return members;
}

Result<LeaseGranted> decode_grant(std::string_view bytes) {
  const auto message = parsed<wire::LeaseGrantResponse>(bytes);
  if (!message) return message.error();
  if (!message->error().empty()) return Error(ErrorCode::Unknown, message->error());
  return LeaseGranted{message->id(), std::chrono::seconds(message->ttl()), {}};
}

Result<LeaseKept> decode_kept(std::string_view bytes) {
  const auto message = parsed<wire::LeaseKeepAliveResponse>(bytes);
  if (!message) return message.error();
  return LeaseKept{std::chrono::seconds(message->ttl()), {}};
}

Result<std::string> decode_token(std::string_view bytes) {
  const auto message = parsed<wire::AuthenticateResponse>(bytes);
  if (!message) return message.error();
  return message->token();
}

Result<WatchNews> decode_watch(std::string_view bytes) {
  auto message = parsed<wire::WatchResponse>(bytes);
  if (!message) return std::move(message).error();
  WatchNews news;
  news.begun = message->created() && !message->canceled();
  news.ended = message->canceled() || message->compact_revision() != 0;
  news.compacted = revision(message->compact_revision());
  news.why = message->cancel_reason();
  for (auto& event : *message->mutable_events()) {
    news.batch.events.push_back({event.type() == wire::Event::DELETE, taken(*event.mutable_kv())});
  }
  // An answer that says that the watch began says nothing of what happened before.
  if (!message->created() && !news.ended && news.batch.events.empty()) {
    news.batch.nothing_until = revision(message->header().revision());
  }
  return news;
}

}  // namespace berth::store::etcd
