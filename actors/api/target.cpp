#include "actors/api/target.hpp"

#include "messages/reader.hpp"

#include <algorithm>
#include <charconv>

namespace shoal::api {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

result<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return error{ec::bad_request, "the target holds a % that no two hex digits follow"};
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0')
      return error{ec::bad_request, "the target holds a NUL character"};
    out += c;
  }
  if (!is_utf8(out))
    return error{ec::bad_request, "the target is not UTF-8 after decoding its % escapes"};
  return out;
}

} // namespace

result<target> parse_target(std::string_view text) {
  if (text.empty() || text.front() != '/')
    return error{ec::bad_request, "the request target must begin with /"};
  target out;
  text = text.substr(0, text.find('#'));
  auto question = text.find('?');
  auto path = text.substr(1, question == std::string_view::npos ? question : question - 1);
  while (!path.empty()) {
    auto slash = path.find('/');
    auto segment = decode(path.substr(0, slash), false);
    if (!segment)
      return segment.err();
    out.path.push_back(std::move(*segment));
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  auto query = question == std::string_view::npos ? std::string_view{} : text.substr(question + 1);
  while (!query.empty()) {
    auto amp = query.find('&');
    auto pair = query.substr(0, amp);
    query = amp == std::string_view::npos ? std::string_view{} : query.substr(amp + 1);
    if (pair.empty())
      continue;
    auto equals = pair.find('=');
    auto name = decode(pair.substr(0, equals), true);
    auto value = decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (!name)
      return name.err();
    if (!value)
      return value.err();
    out.query.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

std::optional<std::string_view> target::get(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name && !value.empty())
      return std::string_view(value);
  return std::nullopt;
}

result<bool> target::flag(std::string_view name) const {
  auto value = get(name);
  if (!value || *value == "false" || *value == "0" || *value == "no")
    return false;
  if (*value == "true" || *value == "1" || *value == "yes")
    return true;
  return error{ec::bad_request, "parameter " + std::string(name) + " is \"" + std::string(*value)
                                    + "\"; it must be true or false"};
}

result<uint64_t> target::number(std::string_view name, uint64_t absent, uint64_t max) const {
  auto value = get(name);
  if (!value)
    return absent;
  uint64_t n = 0;
  auto [end, fault] = std::from_chars(value->data(), value->data() + value->size(), n);
  if (fault != std::errc{} || end != value->data() + value->size() || n > max)
    return error{ec::bad_request, "parameter " + std::string(name) + " is \"" + std::string(*value)
                                      + "\"; it must be a whole number from 0 to "
                                      + std::to_string(max)};
  return n;
}

status target::expect(std::initializer_list<std::string_view> known,
                      std::string_view repeatable) const {
  for (size_t i = 0; i < query.size(); ++i) {
    const auto& name = query[i].first;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string names;
      for (auto k : known)
        names.append(names.empty() ? "" : ", ").append(k);
      return error{ec::bad_request,
                   "unknown parameter \"" + name + "\"; "
                       + (names.empty() ? "there are none here" : "there are: " + names)};
    }
    for (size_t j = 0; j < i && name != repeatable; ++j)
      if (query[j].first == name)
        return error{ec::bad_request, "parameter " + name + " is given twice"};
  }
  return success();
}

} // namespace shoal::api
