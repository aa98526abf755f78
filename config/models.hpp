#pragma once
// Models as shoal.toml and models.d/*.toml declare them. Only their shape is checked here: what the
// words mean, and whether the models make sense together, store/models/declared.hpp says.

#include <string>
#include <vector>

namespace shoal::config {

struct field_options {
  std::string name;
  std::string type;          // never empty: a counter's and a reference's need not be given
  std::string merge = "lww"; // or set, counter, map
  std::string references;    // model; empty: none
  bool required = false;
  bool cascades = false;
  bool local = false; // stays on the node that it is written on
  std::string where;  // FILE:LINE
};

struct model_options {
  std::string name;
  std::string cls;
  std::vector<std::string> id_from; // empty: random ids
  std::vector<field_options> fields;
  std::string where; // FILE:LINE
};

/// True when both say the same, wherever they stand.
bool is_same(const model_options& a, const model_options& b);

} // namespace shoal::config
