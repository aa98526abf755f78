#include "cli/bench/interrupt.hpp"

#include <chrono>
#include <thread>

namespace shoal::cli::bench {

namespace {

constexpr std::array signals{SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t came = 0; // written by the signal's function, which may do no more

extern "C" void note_signal(int number) { came = number; }

} // namespace

interrupt_guard::interrupt_guard() {
  came = 0;
  struct sigaction note {};
  note.sa_handler = note_signal; // without SA_RESTART: what waits returns
  sigemptyset(&note.sa_mask);
  for (size_t i = 0; i < signals.size(); ++i)
    sigaction(signals[i], &note, &before_[i]);
}

interrupt_guard::~interrupt_guard() {
  for (size_t i = 0; i < signals.size(); ++i)
    sigaction(signals[i], &before_[i], nullptr);
}

status not_interrupted() {
  if (came == 0)
    return success();
  return error{ec::unavailable, "interrupted by signal " + std::to_string(came)
                                    + "; what was started is stopped and removed"};
}

void short_pause() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

} // namespace shoal::cli::bench
