// network/dns/buffer.hpp - room for messages that costs no memory before a message comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace berth::network::dns {

/// `size` octets, not set to anything: the kernel gives a page when it is first written to. A host whose names nobody
/// asks for has no use for the third of a megabyte that a batch can take.
class Buffer {
 public:
  explicit Buffer(std::size_t size) : octets_(std::make_unique_for_overwrite<std::uint8_t[]>(size)), size_(size) {}

  std::uint8_t* data() { return octets_.get(); }
  const std::uint8_t* data() const { return octets_.get(); }
  std::size_t size() const { return size_; }
  std::span<std::uint8_t> span() { return {data(), size_}; }

 private:
  std::unique_ptr<std::uint8_t[]> octets_;
  std::size_t size_;
};

}  // namespace berth::network::dns
