// store/kept_object.cpp - see kept_object.hpp.
#include "store/kept_object.hpp"

#include <zlib.h>

#include <cstdlib>
#include <limits>
#include <mutex>
#include <utility>

namespace berth::store {

using model::Object;
using model::ObjectPtr;

struct PackedObject {
  std::shared_ptr<const std::string> dictionary;
  std::string deflated;
  std::size_t size = 0;  ///< Of the text.
  Revision resource_version = 0;
  mutable std::weak_ptr<const Object> read;  ///< Who reads it while another still has it gets the same.
};

namespace {

std::mutex read_mutex;  ///< Of `read`, of all of them: it is held to copy a pointer.

// zlib.h, deflateInit2: a smaller hash than the usual one is still enough.
constexpr int kMemory = 6;
constexpr int kLevel = 5;
constexpr int kSmallestWindow = 9;
constexpr int kLargestWindow = 15;
/// What deflate keeps of its window for looking ahead (zlib's MIN_LOOKAHEAD).
constexpr std::size_t kLookAhead = 262;
/// A dictionary that does not fit is given up when it was tried for so many.
constexpr unsigned kTried = 64;

Bytef* bytes(const char* text) {
  // zlib only reads it.
  return reinterpret_cast<Bytef*>(const_cast<char*>(text));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

uInt size_for_zlib(std::size_t size) {
  // An object is not larger than StoreLimits::object_bytes.
  if (size > std::numeric_limits<uInt>::max()) std::abort();
  return static_cast<uInt>(size);
}

/// zlib fails for want of memory only, and on what was not packed here: both end the process, as a failed `new` does.
void must(bool done) {
  if (!done) std::abort();
}

/// The smallest window that reaches from the end of a text of `size` back to the begin of the dictionary; negative:
/// without a header. One of 32 KiB is 160 KB to allocate and to clear, for each object.
int window_for(std::size_t size, const std::string& dictionary) {
  int bits = kSmallestWindow;
  while (bits < kLargestWindow && (std::size_t{1} << bits) < size + dictionary.size() + kLookAhead) ++bits;
  return -bits;
}

std::string deflated(const std::string& text, const std::string& dictionary) {
  z_stream stream{};
  must(::deflateInit2(&stream, kLevel, Z_DEFLATED, window_for(text.size(), dictionary), kMemory, Z_DEFAULT_STRATEGY) ==
       Z_OK);
  must(::deflateSetDictionary(&stream, bytes(dictionary.data()), size_for_zlib(dictionary.size())) == Z_OK);
  std::string out(::deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = bytes(text.data());
  stream.avail_in = size_for_zlib(text.size());
  stream.next_out = bytes(out.data());
  stream.avail_out = size_for_zlib(out.size());
  must(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  out.shrink_to_fit();
  return out;
}

std::string inflated(const PackedObject& packed) {
  z_stream stream{};
  must(::inflateInit2(&stream, window_for(packed.size, *packed.dictionary)) == Z_OK);
  must(::inflateSetDictionary(&stream, bytes(packed.dictionary->data()), size_for_zlib(packed.dictionary->size())) ==
       Z_OK);
  std::string text(packed.size, '\0');
  stream.next_in = bytes(packed.deflated.data());
  stream.avail_in = size_for_zlib(packed.deflated.size());
  stream.next_out = bytes(text.data());
  stream.avail_out = size_for_zlib(text.size());
  must(::inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out == packed.size);
  ::inflateEnd(&stream);
  return text;
}

ObjectPtr unpacked(const PackedObject& packed) {
  auto raw = parse_json(inflated(packed));
  must(raw.ok() && raw->is_object());
  auto object = model::make_object(std::move(raw->get_object()));
  must(object.ok());
  // Not what the text says: an object may have come from elsewhere, with another's.
  object->meta.resource_version = packed.resource_version;
  // Not by make_shared: its memory would be held for as long as `read` is.
  return ObjectPtr(new Object(*std::move(object)));
}

/// What another reader has of it, if one does.
ObjectPtr known(const PackedObject& packed) {
  const std::scoped_lock lock(read_mutex);
  return packed.read.lock();
}

ObjectPtr shared(const PackedObject& packed) {
  if (auto others = known(packed)) return others;
  auto made = unpacked(packed);
  const std::scoped_lock lock(read_mutex);
  if (auto others = packed.read.lock()) return others;
  packed.read = made;
  return made;
}

}  // namespace

ObjectPtr KeptObject::get() const {
  if (const auto* whole = std::get_if<ObjectPtr>(&kept_)) return *whole;
  return shared(*std::get<1>(kept_));
}

ObjectPtr KeptObject::get_alone() const {
  if (const auto* whole = std::get_if<ObjectPtr>(&kept_)) return *whole;
  const auto& packed = *std::get<1>(kept_);
  auto others = known(packed);
  return others != nullptr ? others : unpacked(packed);
}

Revision KeptObject::resource_version() const {
  if (const auto* whole = std::get_if<ObjectPtr>(&kept_))
    return *whole == nullptr ? 0 : (*whole)->meta.resource_version;
  return std::get<1>(kept_)->resource_version;
}

KeptObject ObjectPacker::pack(const Object& object) {
  auto text = json::serialize(object.raw);
  PackedObject packed;
  packed.size = text.size();
  packed.resource_version = object.meta.resource_version;
  if (dictionary_ == nullptr) dictionary_ = std::make_shared<const std::string>(text);
  packed.dictionary = dictionary_;
  packed.deflated = deflated(text, *dictionary_);
  if (++since_ >= kTried && packed.deflated.size() > packed.size / 2) {
    dictionary_ = std::make_shared<const std::string>(std::move(text));
    since_ = 0;
  }
  return KeptObject(std::make_shared<const PackedObject>(std::move(packed)));
}

}  // namespace berth::store
