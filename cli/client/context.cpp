#include "cli/client/context.hpp"

#include <unistd.h>

#include <iostream>

namespace shoal::cli {

context::context()
    : in(std::cin), out(std::cout), err(std::cerr), out_is_terminal(isatty(STDOUT_FILENO) == 1),
      err_is_terminal(isatty(STDERR_FILENO) == 1) {}

context::context(std::istream& input, std::ostream& out_to, std::ostream& errors, bool terminal)
    : in(input), out(out_to), err(errors), out_is_terminal(terminal), err_is_terminal(terminal) {}

output_form context::form() const {
  if (output == "table" || (output.empty() && out_is_terminal))
    return output_form::table;
  return output == "ndjson" ? output_form::json_lines : output_form::one_json;
}

void context::fail(int code, std::string_view text) {
  std::string line(text);
  for (char& c : line) // one line, whatever the node's message holds
    if (c == '\n' || c == '\r')
      c = ' ';
  err << "shoal: " << line << std::endl;
  exit_code = code;
}

void context::fail(const error& why) {
  int code = exit_no;
  if (why.code == ec::unavailable)
    code = exit_unreachable;
  else if (why.code == ec::bad_request)
    code = exit_usage;
  else if (why.code == ec::config)
    code = exit_config;
  fail(code, why.message);
}

node_client* context::node() {
  if (node_)
    return node_.get();
  auto where = locate_node(choice);
  if (!where) {
    fail(where.err());
    return nullptr;
  }
  auto opened = node_client::open(where->url, std::move(where->token));
  if (!opened) {
    fail(opened.err());
    return nullptr;
  }
  node_ = std::move(*opened);
  return node_.get();
}

std::optional<json> context::call(const std::string& method, const std::string& path,
                                  const std::string& body, std::chrono::seconds patience) {
  auto* at = node();
  if (!at)
    return std::nullopt;
  auto got = at->send(method, path, body, patience);
  if (!got) {
    fail(got.err());
    return std::nullopt;
  }
  if (!got->ok()) {
    fail(exit_no, got->problem());
    return std::nullopt;
  }
  return std::move(got->body);
}

std::string library_path(std::string_view library, std::initializer_list<std::string_view> more) {
  std::string path = "/v1/libraries/" + encode_segment(library);
  for (const auto segment : more)
    path += "/" + encode_segment(segment);
  return path;
}

} // namespace shoal::cli
