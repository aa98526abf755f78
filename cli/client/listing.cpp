#include "cli/client/listing.hpp"

#include <algorithm>
#include <numeric>
#include <ostream>

namespace shoal::cli {

namespace {

/// Items asked for at a time: an answer stays below about 1 MiB.
constexpr uint64_t page_items = 1000;
/// Longer cells are cut in tables; JSON has them whole.
constexpr size_t cell_width_max = 64;

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

/// What is left for the last column of a table, at least, by leaving others out.
constexpr size_t last_width_min = 20;

} // namespace

std::string fitted(std::string_view text, size_t width) {
  std::string out;
  const bool cut = width_of(text) > width;
  size_t at = 0;
  for (const char c : text) {
    if (starts_character(c) && ++at > width - (cut ? 1 : 0))
      return out + "…";
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7F ? '?' : c;
  }
  return out;
}

std::string wrapped(std::string_view text, size_t width) {
  const auto indent = std::min(text.find_first_not_of(' '), text.size());
  std::string out;
  std::string line(text.substr(0, indent));
  for (text.remove_prefix(indent); !text.empty();) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const bool begun = line.find_first_not_of(' ') != std::string::npos;
    if (begun && width_of(line) + 1 + width_of(word) > width) {
      out += fitted(line, width) + "\n";
      line = std::string(indent + 2, ' ');
    } else if (begun) {
      line += ' ';
    }
    line += word;
  }
  return out + fitted(line, width) + "\n";
}

std::string text_table::render(std::string_view indent, size_t width,
                               const std::vector<std::string_view>& spare) const {
  std::vector<std::vector<std::string>> lines{titles_};
  lines.insert(lines.end(), rows_.begin(), rows_.end());
  std::vector<size_t> widths(titles_.size());
  for (auto& line : lines)
    for (size_t i = 0; i < line.size(); ++i) {
      line[i] = fitted(line[i], cell_width_max);
      widths[i] = std::max(widths[i], width_of(line[i]));
    }
  std::vector<size_t> columns(titles_.size());
  std::iota(columns.begin(), columns.end(), size_t{0});
  /// Of all but the last, with what stands between them.
  const auto before_last = [&] {
    size_t sum = indent.size();
    for (size_t i = 0; i + 1 < columns.size(); ++i)
      sum += widths[columns[i]] + 2;
    return sum;
  };
  for (const auto title : spare)
    if (before_last() + std::min(widths.back(), last_width_min) > width)
      std::erase_if(columns, [&](size_t i) { return titles_[i] == title; });
  std::string out;
  for (const auto& line : lines) {
    std::string text(indent);
    for (const size_t i : columns) {
      text += line[i];
      if (i != columns.back())
        text.append(widths[i] - width_of(line[i]) + 2, ' ');
    }
    out += fitted(text, width) + "\n";
  }
  return out;
}

std::string cell_of(const json& object, std::string_view key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end() || found->is_null())
    return "-";
  return found->is_string() ? found->get<std::string>() : text_of(*found);
}

void print_object(context& ctx, const json& object) {
  if (ctx.form() != output_form::table || !object.is_object()) {
    ctx.out << text_of(object) << '\n';
    return;
  }
  size_t widest = 0;
  for (const auto& [key, value] : object.items())
    widest = std::max(widest, width_of(key));
  for (const auto& [key, value] : object.items())
    ctx.out << key << std::string(widest - width_of(key) + 2, ' ') << cell_of(object, key) << '\n';
}

list_printer::list_printer(context& ctx, std::vector<std::string> columns)
    : ctx_(ctx), columns_(std::move(columns)), table_(columns_) {}

void list_printer::add(const json& item) {
  switch (ctx_.form()) {
  case output_form::table: {
    std::vector<std::string> cells;
    for (const auto& column : columns_)
      cells.push_back(cell_of(item, column));
    table_.add(std::move(cells));
    break;
  }
  case output_form::one_json:
    ctx_.out << (count_ == 0 ? "{\"items\":[" : ",") << text_of(item);
    break;
  case output_form::json_lines: ctx_.out << text_of(item) << '\n'; break;
  }
  ++count_;
}

void list_printer::finish(const json& next) {
  if (ctx_.form() == output_form::table) {
    ctx_.out << table_.render();
    if (next.is_string())
      ctx_.out << "more follows after " << next.get<std::string>() << '\n';
  } else if (ctx_.form() == output_form::one_json) {
    ctx_.out << (count_ == 0 ? "{\"items\":[" : "") << "],\"next\":" << text_of(next) << "}\n";
  }
}

std::optional<json> for_each_item(context& ctx, const page_request& what,
                                  const std::function<void(const json&)>& each) {
  json next = what.begin.empty() ? json(nullptr) : json(what.begin);
  uint64_t left = what.limit;
  while (true) {
    std::string page = what.path + "?limit=" + std::to_string(std::min(left, page_items));
    if (next.is_string())
      page += "&" + what.cursor + "=" + encode_segment(next.get<std::string>());
    if (!what.query.empty())
      page += "&" + what.query;
    const auto body = ctx.get(page);
    if (!body)
      return std::nullopt;
    const auto items = body->is_object() ? body->find("items") : body->end();
    if (!body->is_object() || items == body->end() || !items->is_array()) {
      ctx.fail(exit_no, "bad_answer: the node's answer to " + what.path
                            + " is no list; is it a node of this version?");
      return std::nullopt;
    }
    for (const auto& item : *items)
      each(item);
    left -= std::min<uint64_t>(left, items->size());
    const auto more = body->find("next");
    next = more == body->end() ? json(nullptr) : *more;
    if (!next.is_string() || left == 0)
      return next; // a page may be empty and yet not the last: the node looked at its share and
                   // found no match
  }
}

} // namespace shoal::cli
