#pragma once
// What a store may offer beside kv_view: asking whether any key begins with something, without
// looking for the place where it would be.

#include "store/sync/kv.hpp"

namespace shoal {

class prefix_source {
public:
  virtual ~prefix_source() = default;
  /// A cursor that need not find anything beyond the keys that begin with what it was sought with.
  /// In `owned` it is sought with a record's key without the owner, and with nothing else.
  virtual std::unique_ptr<kv_cursor> prefix_cursor(family f) const = 0;
};

} // namespace shoal
