// model/names.hpp - which names, labels and keys Kubernetes allows.
#pragma once

#include <string>
#include <string_view>

namespace berth::model {

// Each returns "" for a valid name, else what is wrong with it, in Kubernetes' words.
// See https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and RFC 1123, RFC 1035.

std::string dns_label_error(std::string_view name);       ///< "web-0": at most 63 characters.
std::string dns_subdomain_error(std::string_view name);   ///< "web.example": at most 253 characters.
std::string dns_1035_label_error(std::string_view name);  ///< A label that starts with a letter: Service names.
std::string qualified_name_error(std::string_view name);  ///< "example.com/tier": label keys.
std::string label_value_error(std::string_view value);    ///< At most 63 characters; may be empty.
std::string env_var_name_error(std::string_view name);    ///< Printable ASCII but '='.
std::string config_key_error(std::string_view key);       ///< Keys of ConfigMaps and Secrets.
std::string http_header_error(std::string_view name);     ///< "X-Token".
std::string sysctl_name_error(std::string_view name);     ///< "net.core.somaxconn", "net/ipv4/ip_forward".
std::string port_name_error(std::string_view name);       ///< IANA service name: at most 15 characters.
std::string path_segment_error(std::string_view name);    ///< "system:node": anything that fits into a URL's path.
std::string wildcard_dns_error(std::string_view name);    ///< "*.example.com", or a subdomain.
std::string domain_path_error(std::string_view path);     ///< "example.com/ingress-controller".
std::string absolute_path_error(std::string_view path);   ///< Starts with '/', no NUL.
std::string relative_path_error(std::string_view path);   ///< Not absolute, no ".." step.

/// Is it an IPv4 or IPv6 address in text form, as inet_pton(3) reads it?
bool is_ip_address(std::string_view text);

}  // namespace berth::model
