// agent/config_layers.hpp - a configuration of several files, each laid over those before it; who said what is
// remembered.
#pragma once

#include <map>
#include <string>

#include <yaml-cpp/yaml.h>

namespace berth::agent {

/// What is wrong, and where. Thrown while a configuration is read, turned into an Error at the door of config.cpp.
struct BadConfig {
  YAML::Mark mark;
  std::string path;  ///< "api.tls.listen"
  std::string message;
};

/// Mappings are merged key by key; any other value, a list too, takes the place of the one before. A key without a
/// value says nothing where an earlier file has said something.
class ConfigLayers {
 public:
  /// BadConfig: no mapping, or a key twice; YAML::Exception: no YAML.
  void lay(const std::string& text, const std::string& file);

  const YAML::Node& merged() const { return root_; }

  /// Which file said what is at `path`; of a mapping that several files made, the one that began it.
  const std::string& file_of(const std::string& path) const;

 private:
  YAML::Node merge(const YAML::Node& below, const YAML::Node& over, const std::string& path);

  YAML::Node root_;
  std::string file_;  ///< Being laid.
  std::string first_;
  std::map<std::string, std::string> said_by_;  ///< Path to file, where that is not first_.
};

}  // namespace berth::agent
