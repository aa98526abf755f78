// The only file that sees toml++, which costs seconds to compile.

#include "config/raw.hpp"

// toml++ 3.3 asserts on some malformed input, such as `[=`, that it reports a line further on. As
// in its release builds the assertions are off, and an error ends the parse at once, which only
// exceptions do.
#define TOML_EXCEPTIONS 1
#define TOML_ASSERT(expression) static_cast<void>(0)
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace shoal::config {

namespace {

/// Text that may come from the file, made safe for one line of a terminal.
std::string printable(std::string_view text) {
  constexpr size_t shown_bytes_max = 300;
  std::string out;
  for (const char c : text.substr(0, shown_bytes_max))
    out += (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) ? '?' : c;
  return out;
}

} // namespace

error config_error(const std::string& where, const std::string& name, const std::string& problem,
                   const std::string& right) {
  return {ec::config, printable(where) + ": " + printable(name) + ": " + printable(problem) + " ("
                          + right + ")"};
}

namespace {

std::string type_name(const toml::node& node) {
  switch (node.type()) {
  case toml::node_type::none: return "nothing";
  case toml::node_type::table: return "a table";
  case toml::node_type::array: return "an array";
  case toml::node_type::string: return "a string";
  case toml::node_type::integer: return "an integer";
  case toml::node_type::floating_point: return "a floating-point number";
  case toml::node_type::boolean: return "a boolean";
  case toml::node_type::date: return "a date";
  case toml::node_type::time: return "a time";
  case toml::node_type::date_time: return "a date and time";
  }
  return "something else";
}

/// Walks the parsed tree along the table of keys and stops at the first thing that is not one.
class walker {
public:
  explicit walker(const std::string& label) : label_(label) {}

  result<raw_config> root(const toml::table& file) {
    raw_config out;
    for (const auto& [name, node] : file) {
      const std::string table(name.str());
      if (table == "library") {
        if (auto done = list(node, "library", out.libraries); !done)
          return done.err();
        continue;
      }
      if (!is_table(table))
        return unknown_at_root(name, node);
      const auto* inner = node.as_table();
      if (inner == nullptr)
        return config_error(at(node.source()), table, "is " + type_name(node),
                            "write [" + table + "] once and its keys below it");
      raw_table& into = out.tables[table];
      into.where = at(node.source());
      if (auto done = keys(*inner, table, into); !done)
        return done.err();
    }
    return out;
  }

private:
  std::string at(const toml::source_region& region) const {
    return label_ + ":" + std::to_string(region.begin.line);
  }

  static bool is_table(const std::string& name) {
    for (const key* k : all_keys())
      if (k->table == name)
        return true;
    return false;
  }

  static bool is_key(std::string_view table, std::string_view name) {
    for (const key* k : all_keys())
      if (k->table == table && k->name == name)
        return true;
    return false;
  }

  error unknown_at_root(const toml::key& name, const toml::node& node) const {
    const std::string shown(name.str());
    const bool table = node.is_table() || node.is_array_of_tables();
    if (table)
      return config_error(at(name.source()), shown, "unknown table",
                          "the nearest is [" + nearest_table(name.str()) + "]");
    return config_error(at(name.source()), shown, "unknown key outside any table",
                        "the nearest is " + nearest_key("", name.str()));
  }

  status keys(const toml::table& from, const std::string& table, raw_table& into) {
    for (const auto& [name, node] : from) {
      if (table == "library" && name.str() == "member") {
        if (auto done = list(node, "library.member", into.members); !done)
          return done;
        continue;
      }
      if (!is_key(table, name.str()))
        return config_error(at(name.source()), table + "." + std::string(name.str()), "unknown key",
                            "the nearest is " + nearest_key(table, name.str()));
      into.values[std::string(name.str())] = value(node);
    }
    return success();
  }

  status list(const toml::node& node, const std::string& table, std::vector<raw_table>& into) {
    const auto* entries = node.as_array();
    const std::string right = "write [[" + table + "]] for each";
    if (entries == nullptr)
      return config_error(at(node.source()), table, "is " + type_name(node), right);
    for (const auto& entry : *entries) {
      const auto* inner = entry.as_table();
      if (inner == nullptr)
        return config_error(at(entry.source()), table, "holds " + type_name(entry), right);
      raw_table made;
      made.where = at(entry.source());
      if (auto done = keys(*inner, table, made); !done)
        return done;
      into.push_back(std::move(made));
    }
    return success();
  }

  raw_value value(const toml::node& node) const {
    raw_value out;
    out.type = type_name(node);
    out.where = at(node.source());
    if (const auto* text = node.as_string())
      out.value = text->get();
    else if (const auto* number = node.as_integer())
      out.value = number->get();
    else if (const auto* truth = node.as_boolean())
      out.value = truth->get();
    return out;
  }

  const std::string& label_;
};

} // namespace

result<raw_config> parse_toml(const std::string& text, const std::string& label) {
  toml::table parsed;
  try {
    parsed = toml::parse(std::string_view(text));
  } catch (const toml::parse_error& problem) {
    return config_error(label + ":" + std::to_string(problem.source().begin.line), "not valid TOML",
                        std::string(problem.description()),
                        "shoal config default prints a complete file");
  }
  return walker(label).root(parsed);
}

} // namespace shoal::config
