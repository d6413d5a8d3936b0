// store/object_move.cpp - see object_move.hpp.
#include "store/object_move.hpp"

#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "store/etcd/etcd_keys.hpp"
#include "store/etcd/etcd_txn.hpp"
#include "store/sqlite_database.hpp"

namespace berth::store {
namespace {

using model::Kind;
using model::Object;

constexpr std::int64_t kPage = 500;
constexpr std::size_t kBatch = 64;                        ///< Objects of one transaction,
constexpr std::size_t kBatchBytes = etcd::kMaxBytes / 2;  ///< and how long they are together, one apart.

/// What each host makes in any store.
bool is_every_hosts(const Object& object) {
  const auto kind = object.kind;
  const auto& meta = object.meta;
  if (kind == Kind::Namespace || kind == Kind::Node || kind == Kind::Event) return true;
  if (kind == Kind::ConfigMap && meta.name == "kube-root-ca.crt") return true;
  if (kind == Kind::ServiceAccount && meta.name == "default") return true;
  if (kind == Kind::PriorityClass && meta.name.starts_with("system-")) return true;
  if (kind == Kind::StorageClass && meta.name == "directory") return true;
  return meta.ns == "default" && meta.name.starts_with("kubernetes") &&
         (kind == Kind::Service || kind == Kind::Endpoints || kind == Kind::EndpointSlice);
}

/// A host that was alone had the block that others begin with, too: it gets one of its own where it comes to.
void forget_pod_network(Object& node) {
  auto* spec = node.raw.if_contains("spec");
  if (spec == nullptr || !spec->is_object()) return;
  for (const auto* field : {"podCIDR", "podCIDRs"}) spec->get_object().erase(field);
}

/// Addresses and node ports: what no two Services may have.
std::vector<std::string> taken_by(const Object& service) {
  std::vector<std::string> out;
  const json::value raw(service.raw);
  const auto* spec = find(raw, {"spec"});
  if (spec == nullptr) return out;
  if (const auto address = find_string(*spec, {"clusterIP"}); !address.empty() && address != "None") {
    out.emplace_back(address);
  }
  const auto* ports = find(*spec, {"ports"});
  if (ports == nullptr || !ports->is_array()) return out;
  for (const auto& port : ports->get_array()) {
    const auto* number = find(port, {"nodePort"});
    if (number == nullptr || !number->is_number()) continue;
    const auto protocol = find_string(port, {"protocol"}, "TCP");
    out.push_back(fmt::format("{} port {} of the node", protocol, number->to_number<int>()));
  }
  return out;
}

/// An asynchronous call, awaited.
template <typename T, typename Call>
Result<T> wait_for(Call call) {
  const auto promise = std::make_shared<std::promise<Result<T>>>();
  auto answer = promise->get_future();
  call([promise](Result<T> result) { promise->set_value(std::move(result)); });
  return answer.get();
}

Result<std::unique_ptr<etcd::EtcdClient>> open(const etcd::EtcdAccess& access) {
  const auto module = etcd::etcd_module();
  if (!module) return module.error();
  return (*module)->open(access);
}

struct Known {
  std::vector<Object> objects;
  std::vector<StoreProblem> unread;
};

/// Of one revision, page by page.
Result<Known> read_etcd(etcd::EtcdClient& client, const etcd::EtcdKeys& keys) {
  Known known;
  auto range = keys.objects();
  for (Revision at = 0;;) {
    auto page = wait_for<etcd::RangeAnswer>([&](etcd::Answer<etcd::RangeAnswer> answer) {
      client.range({range, kPage, at}, std::move(answer));
    });
    if (!page) return page.error().context("list all objects");
    at = page->revision;
    for (const auto& stored : page->found) {
      const auto path = keys.object_path(stored.key);
      if (!path) continue;
      auto object = etcd::read_object(*path, stored);
      if (object) {
        known.objects.push_back(*std::move(object));
      } else {
        known.unread.push_back({path->display(), object.error().message(), {}, {}, {}});
      }
    }
    if (!page->more || page->found.empty()) return known;
    range.begin = page->found.back().key + '\0';
  }
}

/// Each only if nobody has made that key meanwhile.
Status write_etcd(etcd::EtcdClient& client, const etcd::EtcdKeys& keys, const std::vector<Object>& objects) {
  for (std::size_t at = 0; at < objects.size();) {
    etcd::TxnRequest request;
    for (std::size_t bytes = 0; at < objects.size() && request.then.size() < kBatch; ++at) {
      auto text = etcd::object_text(objects[at]);
      bytes += text.size();
      if (bytes > kBatchBytes && !request.then.empty()) break;
      const auto key = etcd::KeyRange::one(keys.object(objects[at].key()));
      request.conditions.push_back({.keys = key, .what = etcd::Compare::What::Created});
      request.then.push_back({.type = etcd::Op::Type::Put, .keys = key, .value = std::move(text)});
    }
    const auto first = at - request.then.size();
    const auto doing = fmt::format("write {} and {} more", objects[first].key().display(), at - first - 1);
    auto done = wait_for<etcd::TxnAnswer>(
        [&](etcd::Answer<etcd::TxnAnswer> answer) { client.txn(std::move(request), std::move(answer)); });
    if (!done) return done.error().context(doing);
    if (!done->succeeded) return Error(ErrorCode::Aborted, doing + ": somebody made one of them meanwhile; try again");
  }
  return Ok{};
}

/// With its companions, so that SQLite finds none that belong to another.
Result<std::filesystem::path> set_aside(const std::filesystem::path& file) {
  auto stamp = format_rfc3339(std::chrono::system_clock::now());
  std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
  auto old = file;
  old += ".moved-" + stamp;
  for (const auto* suffix : {"-wal", "-shm", ""}) {
    auto from = file;
    auto to = old;
    from += suffix;
    to += suffix;
    std::error_code error;
    std::filesystem::rename(from, to, error);
    if (error && error != std::errc::no_such_file_or_directory) {
      return Error::from_errno(error.value(), fmt::format("keep {} as {}", from.native(), to.native()));
    }
  }
  return old;
}

}  // namespace

MovePlan plan_move(std::vector<Object> from, const std::vector<Object>& into) {
  std::map<model::ObjectKey, const Object*> there;
  std::map<std::string, std::string> taken;  // By whom.
  for (const auto& object : into) {
    there.emplace(object.key(), &object);
    if (object.kind != Kind::Service) continue;
    for (auto& each : taken_by(object)) taken.emplace(std::move(each), object.key().display());
  }
  MovePlan plan;
  for (auto& object : from) {
    if (object.kind == Kind::Event) continue;
    const auto key = object.key();
    if (const auto other = there.find(key); other != there.end()) {
      if (other->second->meta.uid == object.meta.uid) {
        ++plan.there;
      } else if (!is_every_hosts(object)) {
        plan.collisions.push_back(key.display() + ": another one has that name");
      }
      continue;
    }
    if (object.kind == Kind::Service) {
      for (const auto& each : taken_by(object)) {
        const auto other = taken.find(each);
        if (other == taken.end()) continue;
        plan.collisions.push_back(fmt::format("{}: {} is {}'s there", key.display(), each, other->second));
      }
    }
    if (object.kind == Kind::Node && !into.empty()) forget_pod_network(object);
    plan.write.push_back(std::move(object));
  }
  return plan;
}

Result<Moved> move_into_etcd(const std::filesystem::path& file, const etcd::EtcdAccess& access,
                             const std::string& prefix) {
  Moved moved;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return moved;
  auto client = open(access);
  if (!client) return client.error();
  const etcd::EtcdKeys keys(prefix);
  {
    auto database = SqliteDatabase::open(file, /*max_pages=*/0);
    if (!database) return database.error();
    auto contents = (*database)->read_all();
    if (!contents) return contents.error();
    moved.unread = std::move(contents->problems);
    const auto there = read_etcd(**client, keys);
    if (!there) return there.error();
    moved.plan = plan_move(std::move(contents->objects), there->objects);
    if (!moved.plan.collisions.empty()) {
      moved.plan.write.clear();
      return moved;
    }
    if (auto written = write_etcd(**client, keys, moved.plan.write); !written) return written.error();
    if (auto folded = (*database)->fold_log(); !folded) return folded.error();
  }
  auto old = set_aside(file);
  if (!old) return old.error();
  moved.old = *std::move(old);
  return moved;
}

Result<Moved> move_into_sqlite(const std::filesystem::path& file, const etcd::EtcdAccess& access,
                               const std::string& prefix, const std::string& node, const std::string& version) {
  Moved moved;
  auto client = open(access);
  if (!client) return client.error();
  auto known = read_etcd(**client, etcd::EtcdKeys(prefix));
  if (!known) return known.error();
  moved.unread = std::move(known->unread);
  moved.plan = plan_move(std::move(known->objects), {});
  // Under another name until it is whole: who finds the file finds all of it.
  auto half = file;
  half += ".half";
  std::error_code error;
  std::filesystem::remove(half, error);
  {
    auto database = SqliteDatabase::open(half, /*max_pages=*/0);
    if (!database) return database.error();
    if (auto signed_one = (*database)->sign(node, version); !signed_one) return signed_one.error();
    std::vector<Row> rows;
    Revision revision = 0;
    for (const auto& object : moved.plan.write) {
      rows.push_back({object.key(), json::serialize(object.raw)});
      revision = std::max(revision, object.meta.resource_version);
    }
    if (auto written = (*database)->write(rows, revision, Durability::Durable); !written) return written.error();
    if (auto folded = (*database)->fold_log(); !folded) return folded.error();
  }
  if (std::filesystem::exists(file, error)) {
    auto old = set_aside(file);
    if (!old) return old.error();
    moved.old = *std::move(old);
  }
  std::filesystem::rename(half, file, error);
  if (error) return Error::from_errno(error.value(), "put " + half.native() + " in place");
  return moved;
}

}  // namespace berth::store
