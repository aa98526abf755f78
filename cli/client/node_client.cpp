#include "cli/client/node_client.hpp"

#include <httplib.h>

namespace shoal::cli {

namespace {

/// A loopback or LAN dial either works at once or not at all; a host that drops packets must not
/// hang a script.
constexpr std::chrono::seconds connect_patience{5};

answer read_answer(int http_status, const std::string& body) {
  answer out;
  out.status = http_status;
  out.body = json::parse(body, nullptr, false);
  if (out.body.is_discarded())
    out.body = nullptr;
  return out;
}

} // namespace

std::string answer::code() const {
  const auto found = body.is_object() ? body.find("error") : body.end();
  return body.is_object() && found != body.end() ? string_at(*found, "code") : std::string{};
}

std::string answer::problem() const {
  if (code().empty())
    return "http_" + std::to_string(status) + ": the node answered status " + std::to_string(status)
           + " without saying why";
  return code() + ": " + string_at(*body.find("error"), "message");
}

struct node_client::connection {
  connection(const std::string& where, std::string token)
      : url(where), http(where), headers{{"Authorization", "Bearer " + std::move(token)}} {
    http.set_keep_alive(true);
    http.set_tcp_nodelay(
        true); // else each request after the first waits for a delayed acknowledgement
    http.set_url_encode(false); // encode_segment() did it
    http.set_connection_timeout(connect_patience);
    http.set_write_timeout(std::chrono::seconds(60));
  }

  error unreachable(httplib::Error why) const {
    const bool refused =
        why == httplib::Error::Connection || why == httplib::Error::ConnectionTimeout;
    return {ec::unavailable,
            refused ? "no node answers at " + url + "; start it with: shoal run --config FILE"
                    : "the node at " + url + " broke off the exchange (" + httplib::to_string(why)
                          + "); see its log"};
  }

  std::string url;
  httplib::Client http;
  httplib::Headers headers;
};

node_client::node_client(std::unique_ptr<connection> c) : connection_(std::move(c)) {}
node_client::~node_client() = default;

result<std::unique_ptr<node_client>> node_client::open(const std::string& url, std::string token) {
  std::string base = url;
  while (!base.empty() && base.back() == '/')
    base.pop_back();
  const std::string scheme = "http://";
  if (!base.starts_with(scheme) || base.size() == scheme.size()
      || base.find_first_of("/?# ", scheme.size()) != std::string::npos)
    return {ec::bad_request, "'" + url + "' is not the address of a node (http://HOST:PORT)"};
  auto made = std::make_unique<connection>(base, std::move(token));
  if (!made->http.is_valid())
    return {ec::bad_request, "'" + url + "' is not the address of a node (http://HOST:PORT)"};
  return std::unique_ptr<node_client>(new node_client(std::move(made)));
}

result<answer> node_client::send(const std::string& method, const std::string& path,
                                 const std::string& body, std::chrono::seconds patience) {
  auto& c = *connection_;
  c.http.set_read_timeout(patience);
  httplib::Request request;
  request.method = method;
  request.path = path;
  request.headers = c.headers;
  if (!body.empty()) {
    request.body = body;
    request.headers.emplace("Content-Type", "application/json");
  } else if (method != "GET") {
    request.headers.emplace("Content-Length", "0");
  }
  const auto got = c.http.send(request);
  if (!got)
    return c.unreachable(got.error());
  return read_answer(got->status, got->body);
}

result<answer> node_client::stream(const std::string& path,
                                   const std::function<bool(std::string_view)>& sink) {
  auto& c = *connection_;
  c.http.set_read_timeout(std::chrono::seconds(60));
  int http_status = 0;
  bool stopped = false;
  std::string refusal;
  const auto got = c.http.Get(
      path, c.headers,
      [&](const httplib::Response& response) {
        http_status = response.status;
        return true;
      },
      [&](const char* data, size_t size) {
        if (http_status < 200 || http_status >= 300) {
          refusal.append(data, size);
          return true;
        }
        stopped = !sink({data, size});
        return !stopped;
      });
  if (!got && !stopped)
    return c.unreachable(got.error());
  return read_answer(http_status, refusal);
}

std::string encode_segment(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                       || c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

} // namespace shoal::cli
