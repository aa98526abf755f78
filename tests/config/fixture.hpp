#pragma once
// A folder of its own for each test, and shorthands to load a configuration from text.

#include "config/options.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <stdlib.h>

namespace shoal::config {

struct folder {
  folder() {
    std::string name = std::filesystem::temp_directory_path() / "shoal-config-XXXXXX";
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return path / name;
  }
  result<options> load_text(const std::string& text, const environment& env = {}) const {
    return load(write("shoal.toml", text), env);
  }
  /// The options, which must load.
  options good(const std::string& text, const environment& env = {}) const {
    auto got = load_text(text, env);
    BOOST_REQUIRE_MESSAGE(got.ok(), (got ? std::string{} : got.err().message));
    return std::move(*got);
  }
  /// The message, which must come; the file's name is cut to `FILE`.
  std::string bad(const std::string& text, const environment& env = {}) const {
    const auto got = load_text(text, env);
    BOOST_REQUIRE_MESSAGE(!got.ok(), "accepted: " + text);
    BOOST_TEST((got.err().code == ec::config));
    std::string message = got.err().message;
    BOOST_TEST(message.find('\n') == std::string::npos);
    const std::string file = path / "shoal.toml";
    if (const auto at = message.find(file); at != std::string::npos)
      message.replace(at, file.size(), "FILE");
    return message;
  }
  std::filesystem::path path;
};

} // namespace shoal::config
