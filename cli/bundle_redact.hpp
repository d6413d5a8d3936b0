// cli/bundle_redact.hpp - takes out of a text or an object what nobody shall read in a support bundle. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace berth::cli {

/// Two nets: values that are known to be secret are replaced wherever they stand, and what has the form of a secret (a
/// user in a URL and its query, a bearer token, a private key, `password: x`) is, too.
class Redactor {
 public:
  /// A value that must not be seen. Also as base64, as a JSON string and line by line. Less than four bytes are too
  /// common to be looked for.
  void add_secret(std::string_view value);

  std::string text(std::string text) const;

  /// Of lines such as `password: x` and `TOKEN=x` the values are left out, too: for configuration files. Names of files
  /// (tokenFile) are none.
  std::string configuration(std::string text) const;

 private:
  std::vector<std::string> secrets_;  ///< Longest first: one may be part of another.
};

/// An object with everything left out that people put secrets into: data of Secrets and ConfigMaps, values of
/// environment variables, commands and their arguments, HTTP headers, annotations that are not the agent's, managed
/// fields, and what a container said last. What is left out says how long it was.
json::object without_secrets(const json::object& object);

/// The values of environment variables of an object whose names say that they are secret ("DB_PASSWORD").
std::vector<std::string> secret_environment(const json::value& object);

}  // namespace berth::cli
