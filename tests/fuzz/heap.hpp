#pragma once
// How much memory something takes while it runs, counted at the sanitizer's allocator.

#include <sanitizer/allocator_interface.h>

#include <algorithm>
#include <cstddef>

namespace shoal::fuzz {

/// Bytes asked for and not given back, since `restart`, and the most of it at any moment. One
/// thread; of what was allocated before only what is freed is missed, which makes it count less:
/// so nothing older may be freed while it counts.
class heap {
public:
  static heap& the() {
    static heap one;
    return one;
  }
  void restart() { now_ = most_ = 0; }
  size_t most() const { return static_cast<size_t>(most_); }

private:
  heap() { __sanitizer_install_malloc_and_free_hooks(taken, given); }
  static void taken(const volatile void*, size_t bytes) {
    auto& h = the();
    h.now_ += static_cast<ptrdiff_t>(bytes);
    h.most_ = std::max(h.most_, h.now_);
  }
  static void given(const volatile void* at) {
    if (at)
      the().now_ -= static_cast<ptrdiff_t>(__sanitizer_get_allocated_size(at));
  }
  ptrdiff_t now_ = 0;
  ptrdiff_t most_ = 0;
};

} // namespace shoal::fuzz
