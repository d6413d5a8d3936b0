// cli/selection.hpp - which objects a command line means, and which pods belong to a workload.
#pragma once

#include <string>
#include <vector>

#include "cli/manifest_files.hpp"
#include "cli/server.hpp"

namespace berth::cli {

/// What the words and flags of a command say about its objects.
struct Choice {
  std::vector<std::string> words;  ///< "sts", "web" or "sts/web", "pod/web-0"
  ManifestFiles files;
  std::string labels;           ///< -l
  std::string fields;           ///< --field-selector
  bool all = false;             ///< --all
  bool all_namespaces = false;  ///< -A
};

/// Binds -f, -R, -k, -l, --field-selector and --all.
void add_choice_flags(Flags& flags, Choice& choice);

struct Chosen {
  const model::KindInfo* kind = nullptr;
  std::string ns;  ///< Empty for kinds without.
  std::string name;

  std::string path() const;      ///< Its address at the agent.
  std::string display() const;   ///< "statefulset.apps/web"
  std::string resource() const;  ///< "statefulset.apps"
};

/// The objects, by name without asking the agent, by selector with it. InvalidArgument as kubectl words it: a kind
/// without a name or selector, an unknown kind. `allow_bare`: a kind alone means all of it.
Result<std::vector<Chosen>> choose(const Server& server, const Global& global, const Choice& choice,
                                   bool allow_bare = false);

/// metadata of an object as a Chosen of that kind.
Chosen chosen_of(const model::KindInfo& kind, const json::value& object);

/// A LabelSelector ({"matchLabels": ..., "matchExpressions": ...}) in the form of a query.
std::string selector_text(const json::value& selector);

/// A kind that makes pods from a template.
bool makes_pods(const model::KindInfo& kind);

/// The label selector of the pods behind a set, a Deployment, a Job or a Service. InvalidArgument: it has none.
Result<std::string> pod_selector(const model::KindInfo& kind, const json::value& object);

/// "web-0", "pod/web-0", "sts/web", "svc/web", "ds/agent" → pods. A name gives one, a workload all of its pods, those
/// that are ready first. NotFound as the agent words it.
Result<std::vector<json::value>> pods_behind(const Server& server, const Global& global, const std::string& word);

/// The first of pods_behind(); InvalidArgument when a workload has no pod.
Result<json::value> pod_behind(const Server& server, const Global& global, const std::string& word);

/// The container a command means that names none: by annotation kubectl.kubernetes.io/default-container, else the
/// first. Says on stderr which one was taken when there are several.
std::string default_container(const json::value& pod);

}  // namespace berth::cli
