// What a thread knows of the time in which it was ready and had no processor.

#include "actors/run_delay.hpp"

#include <boost/test/unit_test.hpp>

#include <sched.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace shoal::test {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 20s; // a sanitizer build on a busy machine is slow

/// From here on the calling thread shares one processor with all others that call it.
bool share_a_processor() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return false;
  int first = 0;
  while (first < CPU_SETSIZE && !CPU_ISSET(first, &allowed))
    ++first;
  CPU_ZERO(&allowed);
  CPU_SET(first, &allowed);
  return sched_setaffinity(0, sizeof allowed, &allowed) == 0;
}

struct kernel_tells {
  boost::test_tools::assertion_result operator()(boost::unit_test::test_unit_id) const {
    boost::test_tools::assertion_result tells(run_delay_us().has_value());
    if (!tells)
      tells.message() << "this kernel has no /proc/thread-self/schedstat";
    return tells;
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(run_delay)

BOOST_AUTO_TEST_CASE(of_two_threads_on_one_processor_each_waits_for_the_other,
                     *boost::unit_test::precondition(kernel_tells())) {
  constexpr uint64_t enough_us = 1'000;
  std::atomic<bool> done{false};
  std::atomic<int> sharing{0};
  std::atomic<uint64_t> waited_us{0};
  std::thread busy([&] {
    sharing += share_a_processor();
    while (!done)
      continue;
  });
  std::thread watched([&] {
    sharing += share_a_processor();
    const auto begin = run_delay_us();
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (begin && waited_us < enough_us && std::chrono::steady_clock::now() < give_up)
      waited_us = run_delay_us().value() - *begin;
    done = true;
  });
  watched.join();
  busy.join();
  BOOST_TEST(sharing == 2);
  BOOST_TEST(waited_us >= enough_us);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
