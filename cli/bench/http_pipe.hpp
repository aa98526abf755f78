#pragma once
// One kept-alive HTTP connection to a node on this machine, as lean as it can be: the program that
// measures runs on the cores of what it measures. Everything that is not measured uses node_client.

#include "cli/bench/samples.hpp"
#include "cli/node_process.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace shoal::cli::bench {

struct http_answer {
  int status = 0;
  std::string body;
};

class http_pipe {
public:
  static result<http_pipe> open(const endpoints& node, const std::string& token);
  http_pipe(const http_pipe&) = delete;
  http_pipe(http_pipe&& other) noexcept;
  ~http_pipe();

  int socket() const { return socket_; }
  /// The bytes of a request.
  std::string request(std::string_view method, std::string_view path, std::string_view body) const;
  status send(std::string_view bytes);
  /// What is there of the answer; nothing when more must come. Does not wait.
  result<std::optional<http_answer>> take();
  /// Waits for the answer, a minute at most, and gives up when a signal came.
  result<http_answer> receive();
  /// Sends and waits. An answer other than 200 is an error that quotes it.
  result<std::string> ask(std::string_view method, std::string_view path,
                          std::string_view body = {});

private:
  http_pipe(int socket, std::string head) : socket_(socket), head_(std::move(head)) {}
  int socket_ = -1;
  std::string head_; // of every request, behind its first line
  std::string in_;
};

/// The string member `name` of a flat piece of JSON text; empty when it is not there. For answers
/// that are read thousands of times a second.
std::string_view text_member(std::string_view json_text, std::string_view name);

} // namespace shoal::cli::bench
