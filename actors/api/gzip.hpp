#pragma once
// gzip for large answers.

#include "actors/api/reply.hpp"

#include <zlib.h>

namespace shoal::api {

/// Compresses what another source makes; speed over ratio. One piece in, at most one piece out,
/// about 256 KiB of state.
class gzip_source final : public body_source {
public:
  explicit gzip_source(std::shared_ptr<body_source> plain);
  ~gzip_source() override;
  gzip_source(const gzip_source&) = delete;
  gzip_source& operator=(const gzip_source&) = delete;
  result<bool> produce(std::string& out) override;
  bool at_rest() const override { return plain_->at_rest(); }
  void wait(std::function<void()> ready) override { plain_->wait(std::move(ready)); }
  bool end_soon() override { return plain_->end_soon(); }

private:
  std::shared_ptr<body_source> plain_;
  z_stream stream_{};
  bool ready_ = false;
  std::string piece_;
};

/// Whether an `Accept-Encoding` header takes gzip: named (or `*`) with a quality above 0.
bool accepts_gzip(std::string_view header);

} // namespace shoal::api
