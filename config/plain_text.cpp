#include "config/plain_text.hpp"

#include <cstdint>

namespace shoal::config {

bool has_control(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return true;
  return false;
}

bool is_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    size_t more = 0;
    uint32_t point = lead;
    if (lead >= 0xf0 && lead < 0xf5) {
      more = 3;
      point = lead & 0x07U;
    } else if (lead >= 0xe0 && lead < 0xf0) {
      more = 2;
      point = lead & 0x0fU;
    } else if (lead >= 0xc2 && lead < 0xe0) {
      more = 1;
      point = lead & 0x1fU;
    } else if (lead >= 0x80) {
      return false;
    }
    for (size_t n = 0; n < more; ++n, ++i) {
      if (i == text.size() || (static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80)
        return false;
      point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3fU);
    }
    const bool overlong = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
    if (overlong || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
      return false;
  }
  return true;
}

} // namespace shoal::config
