#pragma once
// What systemd is told, when it is who started the process (Type=notify, deploy/systemd): ready,
// reloading, stopping, and that the work goes on. Without systemd all of it does nothing.

#include "actors/node_actor.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace shoal::supervisor {

void say_ready(const std::string& name);
void say_reloading();
void say_stopping();

/// Feeds systemd's watchdog (WatchdogSec=) four times in its time, each time only after the node,
/// every library and every store writer have taken a message: a store that hangs ends in a restart,
/// although other threads live.
class watchdog {
public:
  watchdog(caf::actor node, std::shared_ptr<library_list> open);
  ~watchdog();
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

private:
  void run(uint64_t period_us);
  std::weak_ptr<const void> ask() const;

  caf::actor node_;
  std::shared_ptr<library_list> open_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_; // not running when systemd has no watchdog for this process
};

} // namespace shoal::supervisor
