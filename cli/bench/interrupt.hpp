#pragma once
// SIGINT, SIGTERM and SIGHUP while a bench runs: they are noted, and every loop of a bench asks, so
// that nodes are stopped and folders removed whichever way it ends.

#include "messages/error.hpp"

#include <array>
#include <csignal>

namespace shoal::cli::bench {

/// Takes the signals over while it lives. One at a time.
class interrupt_guard {
public:
  interrupt_guard();
  interrupt_guard(const interrupt_guard&) = delete;
  ~interrupt_guard();

private:
  std::array<struct sigaction, 3> before_{};
};

/// An error once one of the signals came.
status not_interrupted();

/// Waits a millisecond at most: between two looks at something that is about to happen.
void short_pause();

} // namespace shoal::cli::bench
