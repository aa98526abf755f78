// Environment variables as keys: SHOAL__TABLE__KEY, and SHOAL__LIBRARY__N__… with N counted from 0.

#include "config/raw.hpp"

#include <charconv>
#include <unistd.h>

extern char** environ; // NOLINT: POSIX

namespace shoal::config {

namespace {

constexpr std::string_view prefix = "SHOAL__";
constexpr std::string_view separator = "__";
constexpr std::string_view shape =
    "use SHOAL__TABLE__KEY, SHOAL__LIBRARY__N__KEY or SHOAL__LIBRARY__N__MEMBER__M__KEY";

std::vector<std::string> parts_of(std::string_view variable) {
  std::vector<std::string> out;
  variable.remove_prefix(prefix.size());
  while (true) {
    const auto cut = variable.find(separator);
    std::string part(variable.substr(0, cut));
    for (char& c : part)
      c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out.push_back(std::move(part));
    if (cut == std::string_view::npos)
      return out;
    variable.remove_prefix(cut + separator.size());
  }
}

status set(raw_table& into, const std::string& table, const std::string& name,
           const std::string& variable, const std::string& value) {
  for (const key* k : all_keys())
    if (k->table == table && k->name == name) {
      into.values[name] = {value, "a string", variable, true};
      return success();
    }
  return config_error(variable, table + "." + name, "unknown key",
                      "the nearest is " + nearest_key(table, name));
}

/// The entry of a list that an index names; one past the end makes a new one.
result<raw_table*> entry(std::vector<raw_table>& list, const std::string& index,
                         const std::string& variable, const std::string& table) {
  size_t n = 0;
  const auto [end, failed] = std::from_chars(index.data(), index.data() + index.size(), n);
  if (failed != std::errc{} || end != index.data() + index.size() || n > list.size())
    return config_error(variable, table, "has no entry '" + index + "'",
                        "use an index from 0 to " + std::to_string(list.size())
                            + ", the last adds one");
  if (n == list.size()) {
    list.emplace_back();
    list.back().where = variable;
  }
  return &list[n];
}

status lay(raw_config& raw, const std::string& variable, const std::string& value) {
  const auto parts = parts_of(variable);
  if (parts[0] == "library") {
    if (parts.size() != 3 && !(parts.size() == 5 && parts[2] == "member"))
      return config_error(variable, "library", "names no key", std::string(shape));
    auto library = entry(raw.libraries, parts[1], variable, "library");
    if (!library)
      return library.err();
    if (parts.size() == 3)
      return set(**library, "library", parts[2], variable, value);
    auto member = entry((*library)->members, parts[3], variable, "library.member");
    if (!member)
      return member.err();
    return set(**member, "library.member", parts[4], variable, value);
  }
  if (parts[0] == "model")
    return config_error(variable, "model", "cannot be set by the environment",
                        "declare models in shoal.toml or models.d/*.toml");
  if (parts.size() != 2)
    return config_error(variable, parts[0], "names no key", std::string(shape));
  for (const key* k : all_keys())
    if (k->table == parts[0])
      return set(raw.tables[parts[0]], parts[0], parts[1], variable, value);
  return config_error(variable, parts[0], "unknown table",
                      "the nearest is [" + nearest_table(parts[0]) + "]");
}

/// Indices sort as numbers, so that entry 10 is added after entry 9.
std::string sort_key(const std::string& variable) {
  constexpr size_t digits_max = 12;
  std::string out;
  for (const auto& part : parts_of(variable)) {
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    if (number && part.size() < digits_max)
      out.append(digits_max - part.size(), '0');
    out += part;
    out += '\x01';
  }
  return out;
}

} // namespace

environment process_environment() {
  environment out;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view text(*at);
    const auto equals = text.find('=');
    if (text.starts_with(prefix) && equals != std::string_view::npos)
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

status overlay(raw_config& raw, const environment& env) {
  std::map<std::string, const environment::value_type*> ordered;
  for (const auto& variable : env)
    if (variable.first.starts_with(prefix))
      if (const auto [at, fresh] = ordered.emplace(sort_key(variable.first), &variable); !fresh)
        return config_error(variable.first, "the environment",
                            "sets one key twice, also as " + at->second->first, "set it once");
  for (const auto& [order, variable] : ordered)
    if (auto done = lay(raw, variable->first, variable->second); !done)
      return done;
  return success();
}

} // namespace shoal::config
