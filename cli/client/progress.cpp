#include "cli/client/progress.hpp"

#include <algorithm>
#include <ostream>

namespace shoal::cli {

namespace {

constexpr size_t bar_width = 30;
constexpr std::chrono::milliseconds between_draws{100};

} // namespace

progress_bar::progress_bar(context& ctx, std::string what, uint64_t total)
    : ctx_(ctx), what_(std::move(what)), total_(total), begun_(std::chrono::steady_clock::now()),
      next_(begun_) {}

progress_bar::~progress_bar() { wipe(); }

void progress_bar::at(uint64_t done, uint64_t count) {
  if (!ctx_.err_is_terminal)
    return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_)
    return;
  next_ = now + between_draws;
  draw(done, count);
}

void progress_bar::draw(uint64_t done, uint64_t count) {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  std::string line = what_;
  if (total_ > 0) {
    const uint64_t filled = std::min<uint64_t>(bar_width, done * bar_width / total_);
    line += " [" + std::string(filled, '#') + std::string(bar_width - filled, '.') + "] "
            + std::to_string(std::min<uint64_t>(100, done * 100 / total_)) + " %";
  }
  line += "  " + std::to_string(count);
  if (seconds > 1)
    line +=
        "  " + std::to_string(static_cast<uint64_t>(static_cast<double>(count) / seconds)) + "/s";
  ctx_.err << "\r\x1b[K" << line << std::flush;
  drawn_ = true;
}

void progress_bar::wipe() {
  if (drawn_)
    ctx_.err << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

} // namespace shoal::cli
