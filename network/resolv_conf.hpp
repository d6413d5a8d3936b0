// network/resolv_conf.hpp - resolv.conf(5) as a value: read, written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/pod.hpp"

namespace berth::network {

/// What resolv.conf(5) holds, in its order.
struct ResolvConf {
  std::vector<std::string> nameservers;  ///< As written, each once; what is no address is left to whoever uses it.
  std::vector<std::string> searches;
  std::vector<model::DnsOption> options;
};

/// Reads resolv.conf text as glibc does: the last search or domain line counts; comments and unknown lines are skipped.
ResolvConf read_resolv_conf(std::string_view text);

/// As text; empty parts have no line.
std::string resolv_conf_text(const ResolvConf& conf);

/// Sets the option of that name, or adds it at the end.
void set_option(std::vector<model::DnsOption>& options, const model::DnsOption& option);

}  // namespace berth::network
