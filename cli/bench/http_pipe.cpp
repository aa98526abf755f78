#include "cli/bench/http_pipe.hpp"

#include "cli/bench/interrupt.hpp"
#include "cli/bench/sockets.hpp"
#include "config/address.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace shoal::cli::bench {

http_pipe::http_pipe(http_pipe&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), head_(std::move(other.head_)),
      in_(std::move(other.in_)) {}

http_pipe::~http_pipe() {
  if (socket_ >= 0)
    close(socket_);
}

result<http_pipe> http_pipe::open(const endpoints& node, const std::string& token) {
  const auto at = node.api.rfind(':');
  uint16_t port = 0;
  if (at != std::string::npos)
    std::from_chars(node.api.data() + at + 1, node.api.data() + node.api.size(), port);
  auto fd = connect_to(port);
  if (!fd)
    return fd.err();
  return http_pipe(*fd, " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port)
                            + "\r\nAuthorization: Bearer " + token
                            + "\r\nContent-Type: application/json\r\nContent-Length: ");
}

std::string http_pipe::request(std::string_view method, std::string_view path,
                               std::string_view body) const {
  std::string out;
  out.reserve(method.size() + path.size() + head_.size() + body.size() + 32);
  out.append(method).append(" ").append(path).append(head_);
  out.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return out;
}

status http_pipe::send(std::string_view bytes) { return send_all(socket_, bytes); }

result<std::optional<http_answer>> http_pipe::take() {
  // One for all pipes of the thread. Growing `in_` for what may come would zero as much each time.
  static thread_local std::array<char, size_t{64} << 10> piece;
  const auto got = ::recv(socket_, piece.data(), piece.size(), MSG_DONTWAIT);
  if (got > 0)
    in_.append(piece.data(), static_cast<size_t>(got));
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
    return error{ec::unavailable, "the node closed its API connection (see its shoal.log)"};
  const auto head_end = in_.find("\r\n\r\n");
  if (head_end == std::string::npos)
    return std::optional<http_answer>();
  const auto length_at = in_.find("Content-Length: ");
  size_t length = 0;
  if (length_at < head_end)
    std::from_chars(in_.data() + length_at + 16, in_.data() + head_end, length);
  if (in_.size() < head_end + 4 + length)
    return std::optional<http_answer>();
  http_answer out;
  std::from_chars(in_.data() + 9, in_.data() + 12, out.status); // behind "HTTP/1.1 "
  out.body = in_.substr(head_end + 4, length);
  in_.erase(0, head_end + 4 + length);
  return std::optional(std::move(out));
}

result<http_answer> http_pipe::receive() {
  const auto deadline = clock::now() + std::chrono::minutes(1);
  for (;;) {
    auto got = take();
    if (!got)
      return got.err();
    if (*got)
      return std::move(**got);
    if (auto ok = await_readable(socket_, deadline); !ok)
      return ok.err();
  }
}

result<std::string> http_pipe::ask(std::string_view method, std::string_view path,
                                   std::string_view body) {
  if (auto sent = send(request(method, path, body)); !sent)
    return sent.err();
  auto answered = receive();
  if (!answered)
    return answered.err();
  if (answered->status != 200)
    return error{ec::unavailable, std::string(method) + " " + std::string(path) + " was answered "
                                      + std::to_string(answered->status) + ": "
                                      + answered->body.substr(0, 300)};
  return std::move(answered->body);
}

std::string_view text_member(std::string_view json_text, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":\"";
  const auto at = json_text.find(key);
  if (at == std::string_view::npos)
    return {};
  const auto from = at + key.size();
  return json_text.substr(from, json_text.find('"', from) - from);
}

} // namespace shoal::cli::bench
