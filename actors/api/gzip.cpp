#include "actors/api/gzip.hpp"

#include <algorithm>

namespace shoal::api {

gzip_source::gzip_source(std::shared_ptr<body_source> plain) : plain_(std::move(plain)) {
  constexpr int gzip_window = 15 + 16; // 32 KiB window, gzip framing
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-cstyle-cast): zlib's macro
  ready_ = deflateInit2_(&stream_, Z_BEST_SPEED, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY,
                         ZLIB_VERSION, static_cast<int>(sizeof(z_stream)))
           == Z_OK;
}

gzip_source::~gzip_source() {
  if (ready_)
    deflateEnd(&stream_);
}

result<bool> gzip_source::produce(std::string& out) {
  if (!ready_)
    return error{ec::unavailable, "not enough memory to compress the answer"};
  piece_.clear();
  auto more = plain_->produce(piece_);
  if (!more)
    return more;
  stream_.next_in = reinterpret_cast<Bytef*>(piece_.data());
  stream_.avail_in = static_cast<uInt>(piece_.size());
  if (*more && piece_.empty())
    return true;
  const int flush = !*more ? Z_FINISH : plain_->at_rest() ? Z_SYNC_FLUSH : Z_NO_FLUSH;
  do {
    char room[16384];
    stream_.next_out = reinterpret_cast<Bytef*>(room);
    stream_.avail_out = sizeof room;
    if (deflate(&stream_, flush) == Z_STREAM_ERROR)
      return error{ec::unavailable, "the answer could not be compressed"};
    out.append(room, sizeof room - stream_.avail_out);
  } while (stream_.avail_out == 0);
  return *more;
}

bool accepts_gzip(std::string_view header) {
  auto trim = [](std::string_view s) {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t'))
      s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t'))
      s.remove_suffix(1);
    return s;
  };
  while (!header.empty()) {
    auto comma = header.find(',');
    auto item = trim(header.substr(0, comma));
    header = comma == std::string_view::npos ? std::string_view{} : header.substr(comma + 1);
    auto semicolon = item.find(';');
    auto name = trim(item.substr(0, semicolon));
    if (name != "gzip" && name != "x-gzip" && name != "*")
      continue;
    auto weight =
        semicolon == std::string_view::npos ? std::string_view{} : item.substr(semicolon + 1);
    auto equals = weight.find('=');
    auto q =
        equals == std::string_view::npos ? std::string_view{"1"} : trim(weight.substr(equals + 1));
    return q.find_first_of("123456789") != std::string_view::npos;
  }
  return false;
}

} // namespace shoal::api
