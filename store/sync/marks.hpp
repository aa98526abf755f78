#pragma once
// The two halves of a row: what readers see, and the marks that keep older writes from coming back.
// Content is equal on all nodes that hold the same; marks are dropped once they are causally
// stable, at another time on every node.

#include "store/sync/row.hpp"

namespace shoal {

/// Versions of which a mark stands: the delete mark, removed dots, cleared fields and keys; each
/// once.
std::vector<version> marks(const row& r);
/// Those of them that may hide some of what the op at `at` wrote.
std::vector<version> marks_over(const row& r, const op& o, const dot& at);
/// Drops the marks that `at` made, and only those; true when there were any.
bool drop_marks(row& r, const version& at);

/// What readers see of the op at `at`, as an op without seq and `prev`: no marks. `cls`, model and
/// id are not filled in.
op content(const row& r, const dot& at);
/// An op with neither an insert nor a field says nothing.
bool says_nothing(const op& o);
/// Takes out of an op all but the marks that it makes; false when there are none.
bool keep_marks(op& o);
/// Takes out of the row what the op at `at` wrote and `kept` does not have; marks stay. True when
/// there was any.
bool keep_content(row& r, const dot& at, const op& kept);

} // namespace shoal
