// cli/describe_page.hpp - pieces that descriptions of several kinds share. Texts have tabs; see align_tabs().
#pragma once

#include <string>
#include <string_view>

#include "cli/describe_text.hpp"

namespace berth::cli::page {

using Path = std::initializer_list<std::string_view>;

/// The value at a path as text, `fallback` when it is missing, null or empty.
std::string text(const json::value& from, Path path, std::string_view fallback = "");
const json::array& list(const json::value& from, Path path);
std::string joined(const json::array& values, std::string_view separator);
/// "a=1,b=2", sorted; "<none>".
std::string label_text(const json::value* labels);
bool is_true(const json::value& from, Path path);

/// "Labels:\ta=1\n\tb=2\n", with `indent` before each line.
void labels(std::string& out, std::string_view indent, std::string_view title, const json::value* map);
void annotations(std::string& out, std::string_view indent, std::string_view title, const json::value* map);
void tolerations(std::string& out, std::string_view indent, const json::array& all);
/// Name, Namespace, Labels, Annotations: how most descriptions begin.
void head(std::string& out, const json::value& object, bool namespaced);
/// "Pods Status:\t3 Running / 0 Waiting / 0 Succeeded / 0 Failed\n"
void pods_status(std::string& out, const Related& related);
/// "RWO,ROX"
std::string access_modes(const json::array& modes);

// One per layout.
void containers(std::string& out, std::string_view indent, std::string_view title, const json::array& specs,
                const json::array& statuses, const json::value* pod);
void volumes(std::string& out, std::string_view indent, const json::array& all);
void pod_template(std::string& out, const json::value& pod_template);
std::string pod(const json::value& object, const Related& related);
std::string stateful_set(const json::value& object, const Related& related);
std::string daemon_set(const json::value& object, const Related& related);
std::string job(const json::value& object, const Related& related);
std::string cron_job(const json::value& object, const Related& related);
std::string deployment(const json::value& object, const Related& related);
/// A ReplicaSet or a ReplicationController.
std::string replica_set(const json::value& object, const Related& related);
std::string autoscaler(const json::value& object, const Related& related);
std::string service(const json::value& object, const Related& related);
std::string claim(const json::value& object, const Related& related);
std::string volume(const json::value& object, const Related& related);
std::string storage_class(const json::value& object, const Related& related);
std::string node(const json::value& object, const Related& related);

}  // namespace berth::cli::page
