#include "tests/nodes/feed.hpp"

namespace shoal::nodes {

void feed::follow(node& at) {
  leave();
  ended_ = false;
  status_ = 0;
  error_.clear();
  half_.clear();
  client_ = std::make_unique<httplib::Client>(at.url());
  client_->set_read_timeout(60s);
  std::string path = lab_path("/changes?follow=1");
  if (!token_.empty())
    path += "&since=" + token_;
  thread_ = std::thread([this, path, token = at.token()] {
    std::string refusal;
    client_->Get(
        path, httplib::Headers{{"Authorization", "Bearer " + token}},
        [this](const httplib::Response& r) {
          status_ = r.status;
          return true;
        },
        [this, &refusal](const char* data, size_t size) {
          if (status_ == 200)
            take({data, size});
          else
            refusal.append(data, size);
          return true;
        });
    if (const auto said = json::parse(refusal, nullptr, false);
        said.is_object() && said.contains("error")) {
      const std::lock_guard guard(mutex_);
      error_ = said["error"]["code"];
    }
    ended_ = true;
  });
}

void feed::leave() {
  if (client_)
    client_->stop();
  if (thread_.joinable())
    thread_.join();
}

void feed::take(std::string_view piece) {
  for (;;) {
    const auto end = piece.find('\n');
    half_ += piece.substr(0, end);
    if (end == std::string_view::npos)
      return;
    line(half_);
    half_.clear();
    piece.remove_prefix(end + 1);
  }
}

void feed::line(const std::string& text) {
  const auto parsed = json::parse(text);
  const std::lock_guard guard(mutex_);
  if (parsed.contains("token")) {
    token_ = parsed["token"];
  } else if (parsed.contains("error")) {
    error_ = parsed["error"]["code"];
  } else {
    ++lines_;
    const std::pair key{parsed["model"].get<std::string>(), parsed["id"].get<std::string>()};
    const std::string put = "{\"op\":\"put\",";
    if (text.starts_with(put))
      records_[key] = "{" + text.substr(put.size());
    else
      records_.erase(key);
  }
}

std::string feed::exported() const {
  const std::lock_guard guard(mutex_);
  std::string out;
  for (const auto& [key, text] : records_)
    out += text + "\n";
  return out;
}

std::string feed::token() const {
  const std::lock_guard guard(mutex_);
  return token_;
}

std::string feed::error() const {
  const std::lock_guard guard(mutex_);
  return error_;
}

void feed::forget() {
  leave();
  const std::lock_guard guard(mutex_);
  records_.clear();
  token_.clear();
}

} // namespace shoal::nodes
