#pragma once
// A thread that runs what other threads post to it, and on which sockets and timers may live.

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace shoal::api {

/// One thread with an io_context. Held by shared_ptr: a backend's callback may keep it, and post to
/// it, long after the server stopped; what is posted then is dropped.
class loop {
public:
  using job = std::function<void()>;

  loop() = default;
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  ~loop() { stop(); }

  boost::asio::io_context& io() { return io_; }
  void start();
  /// Runs `what` on the loop's thread, after all that was posted before it. Any thread. False when
  /// stopped.
  bool post(job what);
  bool on_thread() const { return std::this_thread::get_id() == thread_.get_id(); }
  /// Ends the thread and drops what is still posted. Not from the loop's own thread. Idempotent.
  void stop();

private:
  void drain();

  boost::asio::io_context io_{1};
  std::thread thread_;
  std::mutex mutex_;
  std::vector<job> posted_; // one wake-up for all that is posted while the thread is busy
  std::vector<job> running_;
  bool closed_ = false;
};

} // namespace shoal::api
