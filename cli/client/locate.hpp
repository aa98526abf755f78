#pragma once
// Which node a command talks to, and with which token.

#include "messages/error.hpp"

#include <string>

namespace shoal::cli {

/// What the command line said; empty: not given.
struct node_choice {
  std::string config_file;
  std::string api_url;
  std::string token_file;
};

struct node_address {
  std::string url;
  std::string token;
};

/// In this order: --config FILE (its token file, and the address in run/endpoints.json beside it);
/// --api URL with
/// --token-file FILE; SHOAL_API and SHOAL_TOKEN_FILE, each of which an option replaces.
/// ec::bad_request: nothing or half was given. ec::config: a file is missing or unreadable.
/// ec::unavailable: there is no endpoints.json, so the node of that file is not running.
result<node_address> locate_node(const node_choice& choice);

} // namespace shoal::cli
