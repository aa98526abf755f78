#pragma once
// A client of one node's HTTP API. One per thread.

#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <string>

namespace shoal::nodes {

using nlohmann::json;

struct answer {
  int status = 0; // 0: no answer
  std::string text;
  json body; // discarded when the text is no JSON
  bool ok() const { return status == 200; }
  /// `error.code` of the body, or nothing.
  std::string error() const;
};

class api {
public:
  /// `url` as endpoints.json has it. No token, no Authorization header.
  api(const std::string& url, const std::string& token);
  ~api();
  api(api&& other) noexcept;
  api& operator=(api&& other) noexcept;

  answer get(const std::string& path) { return send("GET", path); }
  answer remove(const std::string& path) { return send("DELETE", path); }
  answer put(const std::string& path, const json& body,
             const std::map<std::string, std::string>& headers = {}) {
    return send("PUT", path, body.dump(), headers);
  }
  answer post(const std::string& path, const json& body,
              const std::map<std::string, std::string>& headers = {}) {
    return send("POST", path, body.dump(), headers);
  }
  answer send(const std::string& method, const std::string& path, const std::string& body = {},
              const std::map<std::string, std::string>& headers = {});

private:
  struct inside;
  std::unique_ptr<inside> inside_;
};

} // namespace shoal::nodes
