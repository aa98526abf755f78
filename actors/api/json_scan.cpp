#include "actors/api/json_scan.hpp"

#include "actors/api/json_text.hpp"
#include "messages/reader.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <vector>

namespace shoal::api {
namespace {

using models::json_member;
using models::json_tree;
using models::json_value;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// The value of four hex digits; nothing when they are none.
std::optional<uint32_t> hex4(std::string_view digits) {
  uint32_t out = 0;
  const auto* end = digits.data() + digits.size();
  const auto [stop, fault] = std::from_chars(digits.data(), end, out, 16);
  if (digits.size() != 4 || fault != std::errc{} || stop != end)
    return std::nullopt;
  return out;
}

char* put_utf8(char* to, uint32_t point) {
  const auto put = [&to](uint32_t byte) { *to++ = static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | (point >> 6));
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3f));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  }
  return to;
}

/// Every function that reads something begins at it, ends behind it, and returns false to give up.
class scanner {
public:
  scanner(std::string_view text, json_tree& into)
      : at_(text.data()), end_(text.data() + text.size()), into_(into) {}

  bool whole(json_value& out) {
    blanks();
    if (!value(out, 0))
      return false;
    blanks();
    return at_ == end_;
  }

private:
  void blanks() {
    while (at_ != end_ && is_blank(*at_))
      ++at_;
  }
  bool take(char c) {
    if (at_ == end_ || *at_ != c)
      return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(word))
      return false;
    at_ += word.size();
    return true;
  }

  /// `depth`: how many arrays and objects are open.
  bool value(json_value& out, size_t depth) {
    if (at_ == end_)
      return false;
    switch (*at_) {
    case '"': {
      std::string_view text;
      if (!string(text))
        return false;
      out = json_value(text);
      return true;
    }
    case '{': return depth < json_depth && object(out, depth + 1);
    case '[': return depth < json_depth && array(out, depth + 1);
    case 't': out = json_value(true); return take("true");
    case 'f': out = json_value(false); return take("false");
    case 'n': out = json_value(); return take("null");
    default: return number(out);
    }
  }

  bool array(json_value& out, size_t depth) {
    ++at_;
    const size_t mine = items_.size(); // those below are of arrays around this one
    blanks();
    if (!take(']')) {
      do {
        json_value item;
        blanks();
        if (!value(item, depth))
          return false;
        items_.push_back(item);
        blanks();
      } while (take(','));
      if (!take(']'))
        return false;
    }
    out = json_value(into_.keep(std::span<const json_value>(items_).subspan(mine)));
    items_.resize(mine);
    return true;
  }

  bool object(json_value& out, size_t depth) {
    ++at_;
    const size_t mine = members_.size();
    blanks();
    if (!take('}')) {
      do {
        json_member member;
        blanks();
        if (!string(member.key))
          return false;
        blanks();
        if (!take(':'))
          return false;
        blanks();
        if (!value(member.value, depth))
          return false;
        members_.push_back(member);
        blanks();
      } while (take(','));
      if (!take('}'))
        return false;
    }
    const std::span<json_member> all(members_.data() + mine, members_.size() - mine);
    if (!sort(all))
      return false;
    out = json_value(into_.keep(std::span<const json_member>(all)));
    members_.resize(mine);
    return true;
  }

  /// By key; false when one stands twice.
  static bool sort(std::span<json_member> members) {
    std::sort(members.begin(), members.end(),
              [](const json_member& a, const json_member& b) { return a.key < b.key; });
    return std::adjacent_find(
               members.begin(), members.end(),
               [](const json_member& a, const json_member& b) { return a.key == b.key; })
           == members.end();
  }

  /// Goes on to the next byte that may mean something in a string: a quote, a backslash, a control
  /// character, and no ASCII. Says so for eight bytes at once, as most strings hold none.
  void skip_plain() {
    constexpr uint64_t ones = 0x0101010101010101U;
    constexpr uint64_t highs = 0x8080808080808080U;
    const auto has_zero = [](uint64_t v) { return (v - ones) & ~v & highs; };
    if constexpr (std::endian::native == std::endian::little)
      for (uint64_t eight = 0; end_ - at_ >= 8; at_ += 8) {
        std::memcpy(&eight, at_, sizeof eight);
        // A borrow makes bytes behind a true hit look like hits; the first is always a true one.
        const uint64_t hits = has_zero(eight ^ (ones * '"')) | has_zero(eight ^ (ones * '\\'))
                              | ((eight - ones * 0x20) & ~eight & highs) | (eight & highs);
        if (hits != 0) {
          at_ += std::countr_zero(hits) / 8;
          return;
        }
      }
    while (at_ != end_ && *at_ != '"' && *at_ != '\\' && static_cast<uint8_t>(*at_) >= 0x20
           && static_cast<uint8_t>(*at_) < 0x80)
      ++at_;
  }

  bool string(std::string_view& out) {
    if (!take('"'))
      return false;
    const char* begin = at_;
    bool escaped = false;
    bool ascii = true;
    for (;;) {
      skip_plain();
      if (at_ == end_)
        return false;
      if (*at_ == '"')
        break;
      if (*at_ == '\\') {
        escaped = true;
        ++at_;
        if (at_ == end_)
          return false;
      } else if (static_cast<uint8_t>(*at_) < 0x20) {
        return false;
      }
      ascii = ascii && static_cast<uint8_t>(*at_) < 0x80;
      ++at_;
    }
    out = {begin, static_cast<size_t>(at_ - begin)};
    ++at_;
    return (ascii || is_utf8(out)) && (!escaped || unescape(out));
  }

  /// Makes of a string as it is written what it says.
  bool unescape(std::string_view& text) {
    char* const begin =
        into_.text_room(text.size()); // no escape is shorter than what it stands for
    char* to = begin;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        *to++ = text[i];
        continue;
      }
      switch (text[++i]) {
      case '"': *to++ = '"'; break;
      case '\\': *to++ = '\\'; break;
      case '/': *to++ = '/'; break;
      case 'b': *to++ = '\b'; break;
      case 'f': *to++ = '\f'; break;
      case 'n': *to++ = '\n'; break;
      case 'r': *to++ = '\r'; break;
      case 't': *to++ = '\t'; break;
      case 'u': {
        const auto first = hex4(text.substr(i + 1, 4));
        if (!first || (*first >= 0xdc00 && *first <= 0xdfff))
          return false;
        i += 4;
        uint32_t point = *first;
        if (point >= 0xd800 && point <= 0xdbff) {
          if (text.substr(i + 1, 2) != "\\u")
            return false;
          const auto second = hex4(text.substr(i + 3, 4));
          if (!second || *second < 0xdc00 || *second > 0xdfff)
            return false;
          i += 6;
          point = 0x10000 + ((point - 0xd800) << 10) + (*second - 0xdc00);
        }
        to = put_utf8(to, point);
        break;
      }
      default: return false;
      }
    }
    text = {begin, static_cast<size_t>(to - begin)};
    return true;
  }

  bool digits() {
    const char* begin = at_;
    while (at_ != end_ && is_digit(*at_))
      ++at_;
    return at_ != begin;
  }

  bool number(json_value& out) {
    const char* begin = at_;
    const bool negative = take('-');
    if (!take('0') && !digits())
      return false;
    if (at_ != end_ && (*at_ == '.' || *at_ == 'e' || *at_ == 'E'))
      return real(begin, out);
    return negative ? convert<int64_t>(begin, out) : convert<uint64_t>(begin, out);
  }

  bool real(const char* begin, json_value& out) {
    if (take('.') && !digits())
      return false;
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (!take('+'))
        take('-');
      if (!digits())
        return false;
    }
    return convert<double>(begin, out);
  }

  /// What stands from `begin` to here, unless it does not fit.
  template <class Number>
  bool convert(const char* begin, json_value& out) {
    Number number{};
    const auto [stop, fault] = std::from_chars(begin, at_, number);
    out = json_value(number);
    return fault == std::errc{} && stop == at_;
  }

  const char* at_;
  const char* end_;
  json_tree& into_;
  // Of arrays and objects that are not closed yet, the outermost first.
  std::vector<json_value> items_;
  std::vector<json_member> members_;
};

} // namespace

std::optional<models::json_tree> scan_json(std::string_view text) {
  // Records take a bit more as values than as text; one block is enough for most bodies.
  constexpr size_t block_max = size_t{256} << 10;
  json_tree tree(std::min(text.size() + text.size() / 2, block_max));
  json_value root;
  if (!scanner(text, tree).whole(root))
    return std::nullopt;
  tree.set_root(root);
  return tree;
}

} // namespace shoal::api
