#include "tests/nodes/api.hpp"

#include <httplib.h>

namespace shoal::nodes {

struct api::inside {
  httplib::Client client;
  std::string token;
};

std::string answer::error() const {
  if (!body.is_object() || !body.contains("error") || !body["error"].contains("code"))
    return {};
  return body["error"]["code"];
}

api::api(const std::string& url, const std::string& token)
    : inside_(new inside{httplib::Client(url), token}) {
  inside_->client.set_keep_alive(true);
  inside_->client.set_tcp_nodelay(true);
  inside_->client.set_connection_timeout(5);
  inside_->client.set_read_timeout(60); // longer than any wait a test asks for
}

api::~api() = default;
api::api(api&& other) noexcept = default;
api& api::operator=(api&& other) noexcept = default;

answer api::send(const std::string& method, const std::string& path, const std::string& body,
                 const std::map<std::string, std::string>& headers) {
  httplib::Request request;
  request.method = method;
  request.path = path;
  request.body = body;
  if (!body.empty())
    request.set_header("Content-Type", "application/json");
  if (!inside_->token.empty())
    request.set_header("Authorization", "Bearer " + inside_->token);
  for (const auto& [name, value] : headers)
    request.set_header(name, value);
  const auto got = inside_->client.send(request);
  answer out;
  if (!got)
    return out;
  out.status = got->status;
  out.text = got->body;
  out.body = json::parse(out.text, nullptr, false);
  return out;
}

} // namespace shoal::nodes
