#include "actors/api/loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

namespace shoal::api {

void loop::start() {
  thread_ = std::thread([this, work = boost::asio::make_work_guard(io_)] { io_.run(); });
}

bool loop::post(job what) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_)
      return false;
    first = posted_.empty();
    posted_.push_back(std::move(what));
    // Inside the lock: `stop` must not end the io_context between the check and the post.
    if (first)
      boost::asio::post(io_, [this] { drain(); });
  }
  return true;
}

void loop::drain() {
  {
    std::lock_guard lock(mutex_);
    running_.swap(posted_);
  }
  for (auto& next : running_)
    next();
  running_.clear();
}

void loop::stop() {
  std::vector<job> dropped;
  {
    std::lock_guard lock(mutex_);
    if (!closed_) {
      closed_ = true;
      dropped.swap(posted_);
    }
  }
  io_.stop();
  if (thread_.joinable())
    thread_.join();
  running_.clear();
}

} // namespace shoal::api
