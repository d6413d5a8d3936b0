// tests/network/dns_text.hpp - DNS messages from text and to text, written apart from the code under test where it can
// be.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "network/dns/message.hpp"

namespace berth::network::dns {

inline const std::map<std::string, std::uint16_t>& type_numbers() {
  static const std::map<std::string, std::uint16_t> types{{"A", 1},    {"NS", 2},     {"CNAME", 5},  {"SOA", 6},
                                                          {"PTR", 12}, {"HINFO", 13}, {"TXT", 16},   {"AAAA", 28},
                                                          {"SRV", 33}, {"OPT", 41},   {"AXFR", 252}, {"ANY", 255}};
  return types;
}

/// A query with RD for "a.b" as spelled; with an OPT record when `edns_payload` is not 0.
inline std::vector<std::uint8_t> make_query(const std::string& name, const std::string& type,
                                            std::uint16_t edns_payload = 0, std::uint16_t id = 0x1234) {
  std::vector<std::uint8_t> out{
      static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  std::size_t begin = 0;
  while (begin < name.size()) {
    const auto end = std::min(name.find('.', begin), name.size());
    out.push_back(static_cast<std::uint8_t>(end - begin));
    for (auto i = begin; i < end; ++i) out.push_back(static_cast<std::uint8_t>(name[i]));
    begin = end + 1;
  }
  const auto number = type_numbers().at(type);
  for (const auto octet : {0, number >> 8, number & 0xFF, 0, 1}) out.push_back(static_cast<std::uint8_t>(octet));
  if (edns_payload != 0) {
    out[11] = 1;
    for (const auto octet : {0, 0, 41, edns_payload >> 8, edns_payload & 0xFF, 0, 0, 0, 0, 0, 0}) {
      out.push_back(static_cast<std::uint8_t>(octet));
    }
  }
  return out;
}

inline std::string text_of_record(Octets message, const Record& record, const std::string& question) {
  std::string type = fmt::format("TYPE{}", record.type);
  for (const auto& [name, number] : type_numbers()) {
    if (number == record.type) type = name;
  }
  std::string value;
  char address[INET6_ADDRSTRLEN] = {};
  if (type == "A") value = inet_ntop(AF_INET, message.data() + record.data, address, sizeof address);
  if (type == "AAAA") value = inet_ntop(AF_INET6, message.data() + record.data, address, sizeof address);
  if (type == "PTR" || type == "CNAME" || type == "NS") value = read_name(message, record.data).name.to_text();
  if (type == "TXT")
    value = std::string(message.begin() + static_cast<std::ptrdiff_t>(record.data) + 1,
                        message.begin() + static_cast<std::ptrdiff_t>(record.end));
  if (type == "SRV") {
    value = fmt::format("{},{},{},{}", get_u16(message, record.data), get_u16(message, record.data + 2),
                        get_u16(message, record.data + 4), read_name(message, record.data + 6).name.to_text());
  }
  const auto owner = read_name(message, record.owner);
  if (owner.next == 0) return "bad-owner";
  const auto shown = owner.name.to_text() == question ? "" : owner.name.to_text() + ":";
  if (type == "SOA" || type == "HINFO" || type == "OPT") return type;
  return shown + type + "=" + value;
}

/// "NOERROR A=10.98.0.2 | authority + additional"; owners are shown where they are not the question's name. "bad..."
/// when malformed.
inline std::string text_of(Octets message) {
  static const std::map<int, std::string> rcodes{{0, "NOERROR"},  {1, "FORMERR"}, {2, "SERVFAIL"},
                                                 {3, "NXDOMAIN"}, {4, "NOTIMP"},  {5, "REFUSED"}};
  if (message.size() < kHeaderSize || (message[2] & 0x80) == 0) return "bad header";
  auto text = rcodes.at(message[3] & 0xF);
  auto at = kHeaderSize;
  std::string question;
  if (get_u16(message, 4) == 1) {
    const auto name = read_name(message, at);
    if (name.next == 0) return "bad question";
    question = name.name.to_text();
    at = name.next + 4;
  }
  for (std::size_t section = 1; section <= 3; ++section) {
    for (int i = 0; i < get_u16(message, 4 + 2 * section); ++i) {
      const auto record = read_record(message, at);
      if (record.end == 0) return text + " bad record";
      if (i == 0 && section == 2) text += " |";
      if (i == 0 && section == 3) text += " +";
      text += ' ' + text_of_record(message, record, question);
      at = record.end;
    }
  }
  return at == message.size() ? text : text + " bad end";
}

}  // namespace berth::network::dns
