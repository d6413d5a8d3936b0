// api/encoding/protobuf_writer.hpp - writes the protobuf wire format, nothing else: no descriptors, no library. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace berth::api {

/// Appends fields to one message (https://protobuf.dev/programming-guides/encoding). Empty text and false are left
/// out, as proto3 does.
class ProtobufWriter {
 public:
  void text(unsigned field, std::string_view value) {
    if (!value.empty()) bytes(field, value);
  }
  void flag(unsigned field, bool value) {
    if (!value) return;
    varint(field << 3U);
    varint(1);
  }
  /// A message, also when it is empty.
  void message(unsigned field, const ProtobufWriter& value) { bytes(field, value.out_); }
  void bytes(unsigned field, std::string_view value) {
    varint(field << 3U | 2U);
    varint(value.size());
    out_ += value;
  }

  std::string take() { return std::move(out_); }
  const std::string& data() const { return out_; }

 private:
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      out_ += static_cast<char>(value | 0x80U);
      value >>= 7U;
    }
    out_ += static_cast<char>(value);
  }

  std::string out_;
};

}  // namespace berth::api
