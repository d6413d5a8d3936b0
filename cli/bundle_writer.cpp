// cli/bundle_writer.cpp - see bundle_writer.hpp.
#include "cli/bundle_writer.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "cli/captured.hpp"

namespace berth::cli {
namespace {

std::string cut(std::string text) {
  if (text.size() <= kMostOfOne) return text;
  const auto size = text.size();
  text.resize(kMostOfOne);
  return text + fmt::format("\n... {} of {} bytes\n", kMostOfOne, size);
}

}  // namespace

void BundleWriter::add(const std::string& name, std::string content) {
  if (written_) written_ = archive_.add(name, redactor_.text(cut(std::move(content))));
}

void BundleWriter::add_configuration(const std::string& name, std::string content) {
  add(name, redactor_.configuration(std::move(content)));
}

bool BundleWriter::add_program(const std::string& name, const std::vector<std::string>& argv) {
  std::string line;
  for (const auto& word : argv) line += (line.empty() ? "" : " ") + word;
  auto said = capture(argv, kMostOfOne, kPatience);
  if (!said) {
    note(name, said.error().message());
    return false;
  }
  if (said->code != 0) note(name, fmt::format("{}: ended with {}", line, said->code));
  add(name, fmt::format("$ {}\n{}", line, said->text));
  return said->code == 0;
}

void BundleWriter::add_file(const std::string& name, const std::filesystem::path& path) {
  auto text = read_file(path, kMostOfOne);
  if (!text) return note(name, text.error().message());
  add(name, *std::move(text));
}

void BundleWriter::note(const std::string& name, const std::string& why) {
  notes_ += fmt::format("{}: {}\n", name, why);
}

Status BundleWriter::finish() {
  add("README.txt",
      "What a host that runs berth says of itself: berth support-bundle made this.\n"
      "Left out: data of Secrets and ConfigMaps, values of environment variables, commands and arguments, "
      "annotations,\n"
      "what containers said, tokens, keys. Values of Secrets were looked for in every file and replaced.\n"
      "Names of objects, images, addresses and paths are in it: look through it before you give it away.\n" +
          (notes_.empty() ? std::string() : "\nNot to be had:\n" + notes_));
  if (!written_) return written_;
  return archive_.finish();
}

}  // namespace berth::cli
