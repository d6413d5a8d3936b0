// cli/bundle_archive.cpp - see bundle_archive.hpp.
#include "cli/bundle_archive.hpp"

#include <zlib.h>

#include <array>

#include <fmt/format.h>

#include "cli/tar_stream.hpp"

namespace berth::cli {

struct BundleArchive::Stream {
  z_stream z{};
};

BundleArchive::BundleArchive(std::string folder, Take take)
    : folder_(std::move(folder)), take_(std::move(take)), stream_(std::make_unique<Stream>()) {
  constexpr int kGzip = 15 + 16;  // the window's bits, and a gzip head: see deflateInit2 in zlib.h
  deflateInit2(&stream_->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, /*memLevel=*/8, Z_DEFAULT_STRATEGY);
}

BundleArchive::~BundleArchive() { deflateEnd(&stream_->z); }

Status BundleArchive::write(std::string_view bytes, bool last) {
  auto& z = stream_->z;
  // zlib does not write to its input, whatever its type says.
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  std::array<char, 65536> out{};
  do {
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    deflate(&z, last ? Z_FINISH : Z_NO_FLUSH);
    const auto made = out.size() - z.avail_out;
    if (made == 0) continue;
    if (auto taken = take_({out.data(), made}); !taken) return taken;
  } while (z.avail_out == 0);
  return Ok{};
}

Status BundleArchive::add(std::string_view name, std::string_view content) {
  return write(tar_file(fmt::format("{}/{}", folder_, name), content), /*last=*/false);
}

Status BundleArchive::finish() { return write(tar_end(), /*last=*/true); }

}  // namespace berth::cli
