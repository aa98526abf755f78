#pragma once
// Printing what the node answered: tables for people, JSON and NDJSON for programs.

#include "cli/client/context.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::cli {

/// Columns as wide as their widest cell, counted in characters, two spaces apart. Control
/// characters in a cell are shown as `?`: a record's text must not drive the terminal.
class text_table {
public:
  explicit text_table(std::vector<std::string> titles) : titles_(std::move(titles)) {}
  /// One cell per title.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  /// What is wider than `width` goes without the columns that `spare` names, in that order, until
  /// some 20 characters are left for the last one, which is cut to what there is.
  std::string render(std::string_view indent = "",
                     size_t width = std::numeric_limits<size_t>::max(),
                     const std::vector<std::string_view>& spare = {}) const;

private:
  std::vector<std::string> titles_;
  std::vector<std::vector<std::string>> rows_;
};

/// At most `width` characters of it, control characters as `?`.
std::string fitted(std::string_view text, size_t width);
/// Broken at blanks into lines of at most `width` characters, those after the first indented by
/// two more; a word that is longer is cut.
std::string wrapped(std::string_view text, size_t width);

/// A JSON value as a cell: strings bare, null and missing as `-`, anything else as JSON.
std::string cell_of(const json& object, std::string_view key);

/// One object: `name  value` lines in a table, else one line of JSON.
void print_object(context& ctx, const json& object);

/// A list of objects: a table of `columns`, `{"items":[…],"next":…}`, or one line per item. Prints
/// items as they come, except in a table, so that a long list needs no memory.
class list_printer {
public:
  list_printer(context& ctx, std::vector<std::string> columns);
  void add(const json& item);
  /// Ends the list. `next`: where the next page begins, null at the end.
  void finish(const json& next = nullptr);

private:
  context& ctx_;
  std::vector<std::string> columns_;
  text_table table_;
  uint64_t count_ = 0;
};

/// What to page through.
struct page_request {
  std::string path;
  std::string query = {};       // further parameters, `a=b&c=d`; may be empty
  std::string cursor = "after"; // the parameter that takes the `next` of the page before
  std::string begin = {};       // its first value; empty: the beginning
  uint64_t limit = std::numeric_limits<uint64_t>::max(); // items in all
};

/// Gives the items of a list answer to `each`, page by page. Returns where the next page would
/// begin (null at the end), nothing after an error has been told.
std::optional<json> for_each_item(context& ctx, const page_request& what,
                                  const std::function<void(const json&)>& each);

} // namespace shoal::cli
