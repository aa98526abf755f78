#include "cli/client/locate.hpp"

#include "cli/client/json.hpp"

#include <toml++/toml.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

namespace shoal::cli {

namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::optional<std::string> read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return std::nullopt;
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad())
    return std::nullopt;
  return text;
}

/// Why the file that was just opened cannot be read, and what to do.
std::string unreadable(const std::string& how_made) {
  if (errno == EACCES)
    return " cannot be read: permission denied; run this as root or as the node's user";
  return " cannot be read; " + how_made;
}

result<std::string> read_token(const fs::path& file) {
  auto text = read_file(file);
  if (!text)
    return {ec::config,
            "token file " + file.string() + unreadable("`shoal init` makes it as DIR/api.token")};
  const auto first = text->find_first_not_of(" \t\r\n");
  if (first == std::string::npos)
    return {ec::config,
            "token file " + file.string() + " is empty; it must hold the node's API token"};
  return text->substr(first, text->find_last_not_of(" \t\r\n") - first + 1);
}

/// The key [api] token of a node's configuration. Only that key is looked at: a client must be able
/// to talk to a running node whose file has since become invalid.
result<fs::path> token_path(const fs::path& config) {
  const auto text = read_file(config);
  if (!text)
    return {ec::config,
            "config file " + config.string() + unreadable("`shoal init DIR` makes DIR/shoal.toml")};
  std::string token = environment("SHOAL__API__TOKEN");
  if (token.empty()) {
    // toml++ reports by exception only; this is the one place where the client meets it.
    try {
      const auto table = toml::parse(*text, config.string());
      token = table["api"]["token"].value_or(std::string("api.token"));
    } catch (const toml::parse_error& bad) {
      return {ec::config, config.string() + ":" + std::to_string(bad.source().begin.line) + ": "
                              + std::string(bad.description())
                              + "; `shoal config check` explains it"};
    }
  }
  return config.parent_path() / token; // an absolute token path replaces the folder
}

result<node_address> from_config(const std::string& file) {
  const fs::path config(file);
  const auto token_file = token_path(config);
  if (!token_file)
    return token_file.err();
  auto token = read_token(*token_file);
  if (!token)
    return token.err();
  const fs::path endpoints = config.parent_path() / "run" / "endpoints.json";
  const auto text = read_file(endpoints);
  const auto parsed = text ? json::parse(*text, nullptr, false) : json{};
  std::string url = string_at(parsed, "api");
  if (url.empty())
    return {ec::unavailable, "the node of " + file + " is not running (no " + endpoints.string()
                                 + "); start it with: shoal run --config " + file};
  return node_address{std::move(url), std::move(*token)};
}

} // namespace

result<node_address> locate_node(const node_choice& choice) {
  if (!choice.config_file.empty()) {
    if (!choice.api_url.empty() || !choice.token_file.empty())
      return {ec::bad_request, "--config names a node by itself: leave out --api and --token-file"};
    return from_config(choice.config_file);
  }
  const std::string url = choice.api_url.empty() ? environment("SHOAL_API") : choice.api_url;
  const std::string file =
      choice.token_file.empty() ? environment("SHOAL_TOKEN_FILE") : choice.token_file;
  if (url.empty() && file.empty())
    return {ec::bad_request,
            "no node named: give --config FILE, or --api URL --token-file FILE, or set SHOAL_API"
            " and SHOAL_TOKEN_FILE"};
  if (url.empty())
    return {ec::bad_request, "a token file without an address: give --api URL, or set SHOAL_API"};
  if (file.empty())
    return {ec::bad_request,
            "an address without a token: give --token-file FILE, or set SHOAL_TOKEN_FILE"};
  auto token = read_token(file);
  if (!token)
    return token.err();
  return node_address{url, std::move(*token)};
}

} // namespace shoal::cli
