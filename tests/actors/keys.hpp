#pragma once
#include "actors/transport/identity.hpp"

namespace shoal::test {

/// The device key number `n`, always the same, so that a seed always names the same devices.
transport::identity fixed_key(size_t n);

} // namespace shoal::test
