#pragma once
// What every command shares: where it reads and writes, which node it talks to, and how it ended.

#include "cli/client/json.hpp"
#include "cli/client/locate.hpp"
#include "cli/client/node_client.hpp"

#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace shoal::cli {

/// Exit codes of the program.
constexpr int exit_done = 0;
constexpr int exit_no = 1;           // not found, refused by the node, not converged, timed out
constexpr int exit_usage = 2;        // arguments that the command line itself rejects
constexpr int exit_unreachable = 69; // the node cannot be reached
constexpr int exit_config = 78;      // configuration error

/// table: for people. one_json: one value. json_lines: one value per line.
enum class output_form : uint8_t { table, one_json, json_lines };

struct context {
  /// Talks through the process' own streams.
  context();
  /// Talks through these; `terminal` says whether they count as one.
  context(std::istream& input, std::ostream& output, std::ostream& errors, bool terminal);

  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;

  // Set by the command line, see add_client_options().
  node_choice choice;
  std::string output; // table, json, ndjson; empty: table on a terminal, json otherwise
  int exit_code = exit_done;

  output_form form() const;
  /// Ends the command: one line `shoal: TEXT` on stderr.
  void fail(int code, std::string_view text);
  /// Ends the command with the exit code that belongs to the error.
  void fail(const error& why);
  /// The node, located at the first call; null after having said why.
  node_client* node();

  /// The body of a 2xx answer; nothing after having said what went wrong. `body` is JSON text,
  /// empty for none.
  std::optional<json> call(const std::string& method, const std::string& path,
                           const std::string& body = {},
                           std::chrono::seconds patience = std::chrono::seconds(60));
  std::optional<json> get(const std::string& path) { return call("GET", path); }

private:
  std::unique_ptr<node_client> node_;
};

/// `/v1/libraries/LIB` and further segments, each percent-encoded.
std::string library_path(std::string_view library,
                         std::initializer_list<std::string_view> more = {});

} // namespace shoal::cli
