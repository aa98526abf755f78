#include "actors/supervisor.hpp"

#include <caf/all.hpp>
#include <systemd/sd-daemon.h>

#include <cinttypes>
#include <ctime>

namespace shoal::supervisor {

void say_ready(const std::string& name) {
  sd_notifyf(0, "READY=1\nSTATUS=%s accepts peers and clients", name.c_str());
}

void say_reloading() {
  timespec now{}; // by which systemd knows which READY answers this
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto us =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
  sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=reloading", us);
}

void say_stopping() { sd_notify(0, "STOPPING=1\nSTATUS=handing over what peers lack"); }

watchdog::watchdog(caf::actor node, std::shared_ptr<library_list> open)
    : node_(std::move(node)), open_(std::move(open)) {
  uint64_t limit_us = 0;
  if (sd_watchdog_enabled(0, &limit_us) > 0 && limit_us > 0)
    thread_ = std::thread([this, limit_us] { run(limit_us / 4); });
}

watchdog::~watchdog() {
  {
    const std::lock_guard guard(mutex_);
    end_ = true;
  }
  ended_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

/// Expires when all who were asked have answered or ended.
std::weak_ptr<const void> watchdog::ask() const {
  const auto token = std::make_shared<const int>();
  caf::anon_send(node_, pulse{token});
  for (const auto& l : open_->all()) {
    caf::anon_send(l.actor, pulse{token});
    caf::anon_send(l.writer, pulse{token});
  }
  return token;
}

void watchdog::run(uint64_t period_us) {
  std::unique_lock lock(mutex_);
  auto asked = ask();
  while (!ended_.wait_for(lock, std::chrono::microseconds(period_us), [this] { return end_; })) {
    if (!asked.expired())
      continue; // somebody has not answered: nothing is asked on top of it
    sd_notify(0, "WATCHDOG=1");
    asked = ask();
  }
}

} // namespace shoal::supervisor
