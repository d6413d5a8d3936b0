// store/etcd/module/codec.hpp - what the store asks and hears, as etcd's messages. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/etcd/endpoints.hpp"
#include "store/etcd/etcd_client.hpp"

namespace berth::store::etcd {

std::string encode(const TxnRequest& request);
std::string encode(const RangeRequest& request);
std::string encode_compaction(Revision revision);
std::string encode_watch(const KeyRange& keys, Revision from);
std::string encode_grant(std::chrono::seconds ttl);
std::string encode_lease(LeaseId lease);  ///< Of a question about it, and to revoke it.
std::string encode_login(const std::string& user, const std::string& password);

// Internal: the bytes are no such message.
Result<TxnAnswer> decode_txn(std::string_view bytes);
Result<RangeAnswer> decode_range(std::string_view bytes);
Result<EtcdStatus> decode_status(std::string_view bytes);
Result<LeaseGranted> decode_grant(std::string_view bytes);  ///< Without `sent`.
Result<LeaseKept> decode_kept(std::string_view bytes);      ///< Without `sent`.
Result<std::vector<EtcdMember>> decode_members(std::string_view bytes);
Result<std::string> decode_token(std::string_view bytes);

/// One message of a watch.
struct WatchNews {
  bool begun = false;
  WatchBatch batch;
  bool ended = false;
  Revision compacted = 0;  ///< It ended for this: what is older is not known any more.
  std::string why;
};
Result<WatchNews> decode_watch(std::string_view bytes);

}  // namespace berth::store::etcd
