// agent/sources/cluster_sources.cpp - see cluster_sources.hpp.
#include "agent/sources/cluster_sources.hpp"

#include <utility>

#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using model::Kind;

std::string note_of(const model::Object& node) {
  const auto found = node.meta.annotations.find(kSourcesNote);
  return found == node.meta.annotations.end() ? std::string() : found->second;
}

/// False: it says so already.
bool set_note(json::object& node, const std::string& text) {
  auto& annotations = model::object_in(model::object_in(node, "metadata"), "annotations");
  if (model::text_at(annotations, kSourcesNote) == text) return false;
  if (text.empty()) {
    annotations.erase(kSourcesNote);
  } else {
    annotations[kSourcesNote] = text;
  }
  return true;
}

}  // namespace

ClusterSources::ClusterSources(const Context& context, const std::set<std::string>& names) : context_(context) {
  for (const auto& name : names) {
    copies_[name];
    context_.applier.stand_by(name, true);
  }
  // Both on a thread of the store: they only say "look again".
  const auto again = [this, alive = alive_, &loop = context_.loop] {
    loop.post([this, alive] {
      if (*alive) look_soon();
    });
  };
  auto nodes = context_.store.watch(Kind::Node, context_.store.revision(), [again](const store::Change& change) {
    const auto before = change.previous ? note_of(*change.previous) : std::string();
    if (change.type != store::ChangeType::Modified || before != note_of(*change.object)) again();
  });
  if (nodes) node_watch_ = *std::move(nodes);
  if (!copies_.empty()) {
    const auto prefix = applied_key("").name;
    auto leases = context_.store.watch(Kind::Lease, context_.store.revision(), [again, prefix](const auto& change) {
      if (change.object->meta.name.starts_with(prefix)) again();
    });
    if (leases) lease_watch_ = *std::move(leases);
  }
  look_soon();
}

ClusterSources::~ClusterSources() {
  node_watch_.reset();
  lease_watch_.reset();
  *alive_ = false;
}

void ClusterSources::take(SourceSnapshot snapshot) {
  const auto source = snapshot.name;
  auto& copy = copies_.at(source);
  auto content = content_of(snapshot);
  if (!content) return;
  // Before the applier has it: a copy that is not the one in the Lease must not be planned with.
  if (*content != copy.mine.content) context_.applier.stand_by(source, true);
  copy.mine.content = *std::move(content);
  copy.partial = snapshot.complete && copy.mine.content.empty();
  context_.applier.take(std::move(snapshot));
  look_at(source, copy);
  note_on_node();
}

void ClusterSources::look() {
  for (auto& [source, copy] : copies_) look_at(source, copy);
  note_on_node();
}

/// Several changes make one look.
void ClusterSources::look_soon() {
  if (std::exchange(posted_, true)) return;
  context_.loop.post([this, alive = alive_] {
    if (!*alive) return;
    posted_ = false;
    look();
  });
}

/// Among the hosts that are there and whose copies may be applied.
bool ClusterSources::reads(const std::string& name) const {
  return context_.nodes.warden_of("source/" + name, [&](const std::string& host) {
    const auto node = context_.store.get({Kind::Node, "", host});
    return node != nullptr && notes_source(node->meta, name);
  }) == context_.nodes.own();
}

void ClusterSources::look_at(const std::string& source, Copy& copy) {
  const auto name = cluster_name(source);
  const auto applied = applied_copy(context_.store.get(applied_key(name)).get());
  if (applied && applied->content == copy.mine.content) copy.mine.agreed = copy.mine.content;
  const auto standing = standing_of(copy.mine, applied, context_.nodes.own());
  const auto ours = reads(name);
  context_.applier.stand_by(source, !ours || standing != Standing::Same);
  if (ours && standing == Standing::Newer) record(source, copy, applied);
  say(source, copy, standing, applied);
}

/// Only if nobody else said anything meanwhile.
void ClusterSources::record(const std::string& source, Copy& copy, const std::optional<AppliedCopy>& before) {
  if (std::exchange(copy.writing, true)) return;
  const auto name = cluster_name(source);
  const AppliedCopy applied{copy.mine.content, context_.nodes.own()};
  auto done = [this, alive = alive_, source](const Status& status) {
    if (!*alive) return;
    copies_.at(source).writing = false;
    written(status);
  };
  if (context_.store.get(applied_key(name)) == nullptr) {
    json::object lease;
    set_applied_copy(lease, name, applied);
    return context_.writer.create(std::move(lease), Durability::Durable, std::move(done));
  }
  context_.writer.modify(
      applied_key(name), {}, Durability::Durable,
      [name, before, applied](json::object& raw) {
        const auto stored = model::make_object(raw);
        if (!stored || applied_copy(&*stored) != before) return false;
        set_applied_copy(raw, name, applied);
        return true;
      },
      std::move(done));
}

void ClusterSources::written(const Status& status) {
  const auto lost = failed_with(status, ErrorCode::Aborted) || failed_with(status, ErrorCode::AlreadyExists) ||
                    failed_with(status, ErrorCode::NotFound);
  if (status || lost) return look_soon();
  retry_ = context_.loop.after(context_.retry, [this] { look_soon(); });
}

void ClusterSources::say(const std::string& source, Copy& copy, Standing standing,
                         const std::optional<AppliedCopy>& applied) {
  std::string text;
  switch (standing) {
    case Standing::Same: break;
    case Standing::Unread:
      if (copy.partial) text = "not all of this copy can be read: it is not applied";
      break;
    case Standing::Newer:
      if (applied) text = "this copy is not the one of host " + applied->host + ", which is applied";
      break;
    case Standing::Older:
      text = "this copy is older than the one of host " + applied->host +
             ", or was changed while no agent ran here: it is not applied until it is the same, or is changed";
      break;
  }
  if (text.empty()) {
    copy.patient = true;
    copy.patience.reset();
  } else if (copy.patient && !copy.patience) {
    copy.patience = context_.loop.after(context_.patience, [this, &copy] {
      copy.patient = false;
      look();
    });
  }
  context_.applier.say(source, copy.patient ? std::string() : text);
}

void ClusterSources::note_on_node() {
  std::string note;
  for (const auto& [source, copy] : copies_) {
    const auto name = cluster_name(source);
    const auto applied = applied_copy(context_.store.get(applied_key(name)).get());
    const auto standing = standing_of(copy.mine, applied, context_.nodes.own());
    if (standing != Standing::Same && standing != Standing::Newer) continue;
    note += (note.empty() ? "" : ",") + name;
  }
  const auto node = context_.store.get({Kind::Node, "", context_.nodes.own()});
  if (node == nullptr || note_of(*node) == note || std::exchange(noting_, true)) return;
  context_.writer.modify(
      node->key(), {}, Durability::Durable, [note](json::object& raw) { return set_note(raw, note); },
      [this, alive = alive_](const Status& status) {
        if (!*alive) return;
        noting_ = false;
        written(status);
      });
}

}  // namespace berth::agent
