#include "messages/shown.hpp"

#include "messages/reader.hpp"

namespace shoal {

std::string shown(std::string_view text) {
  constexpr size_t most = 128;
  constexpr char digits[] = "0123456789abcdef";
  bool cut = text.size() > most;
  text = text.substr(0, most);
  // A cut within a character is no fault of the text.
  while (cut && !text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80)
    text.remove_suffix(1);
  if (cut && !text.empty() && (static_cast<unsigned char>(text.back()) & 0x80) != 0)
    text.remove_suffix(1);
  const bool whole = is_utf8(text);
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && (whole || byte < 0x80)) {
      out += c;
      continue;
    }
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 0xf];
  }
  return cut ? out + "…" : out;
}

} // namespace shoal
