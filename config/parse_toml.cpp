// The only file that sees toml++, which costs seconds to compile.

#include "config/raw.hpp"

// toml++ 3.3 asserts on some malformed input, such as `[=`, that it reports a line further on. As
// in its release builds the assertions are off, and an error ends the parse at once, which only
// exceptions do.
#define TOML_EXCEPTIONS 1
#define TOML_ASSERT(expression) static_cast<void>(0)
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>

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
  walker(const std::string& label, file_kind kind) : label_(label), kind_(kind) {}

  result<raw_config> root(const toml::table& file) {
    raw_config out;
    for (const auto& [name, node] : file) {
      const std::string table(name.str());
      if (table == "model") {
        if (auto done = models(node, out.models); !done)
          return done.err();
        continue;
      }
      if (kind_ == file_kind::models)
        return config_error(at(name.source()), table, "is no model",
                            "files of models.d hold [[model]] only; the rest is for shoal.toml");
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

  /// Names of keys are left to read_models().
  status models(const toml::node& node, std::vector<raw_model>& into) const {
    const auto* entries = node.as_array();
    if (entries == nullptr)
      return config_error(at(node.source()), "model", "is " + type_name(node),
                          "write [[model]] for each");
    for (const auto& entry : *entries) {
      const auto* inner = entry.as_table();
      if (inner == nullptr)
        return config_error(at(entry.source()), "model", "holds " + type_name(entry),
                            "write [[model]] for each");
      raw_model made;
      made.where = at(entry.source());
      for (const auto& [name, held] : *inner) {
        if (name.str() != "fields" && name.str() != "field") {
          made.values[std::string(name.str())] = value(held);
          continue;
        }
        if (auto done = fields(held, made); !done)
          return done;
      }
      into.push_back(std::move(made));
    }
    return success();
  }

  /// A table by name, whose entries may be a type alone, or a list of tables with a name.
  status fields(const toml::node& node, raw_model& into) const {
    const std::string right = "write [model.fields] and NAME = { type = \"…\" } below it";
    if (const auto* by_name = node.as_table()) {
      for (const auto& [name, held] : *by_name) {
        raw_field made;
        made.name = name.str();
        made.where = at(name.source());
        if (const auto* inner = held.as_table())
          field_values(*inner, made);
        else
          made.values["type"] = value(held);
        into.fields.push_back(std::move(made));
      }
      return success();
    }
    const auto* entries = node.as_array();
    if (entries == nullptr)
      return config_error(at(node.source()), "model.fields", "is " + type_name(node), right);
    for (const auto& entry : *entries) {
      const auto* inner = entry.as_table();
      if (inner == nullptr)
        return config_error(at(entry.source()), "model.fields", "holds " + type_name(entry), right);
      raw_field made;
      made.where = at(entry.source());
      field_values(*inner, made);
      into.fields.push_back(std::move(made));
    }
    return success();
  }

  void field_values(const toml::table& from, raw_field& into) const {
    for (const auto& [name, held] : from)
      into.values[std::string(name.str())] = value(held);
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
    else if (const auto* list = node.as_array(); list && is_list_of_text(*list))
      for (auto& into = out.value.emplace<std::vector<std::string>>(); const auto& one : *list)
        into.push_back(one.as_string()->get());
    return out;
  }

  static bool is_list_of_text(const toml::array& list) {
    return std::all_of(list.begin(), list.end(), [](const auto& one) { return one.is_string(); });
  }

  const std::string& label_;
  file_kind kind_;
};

} // namespace

result<raw_config> parse_toml(const std::string& text, const std::string& label, file_kind kind) {
  toml::table parsed;
  try {
    parsed = toml::parse(std::string_view(text));
  } catch (const toml::parse_error& problem) {
    return config_error(label + ":" + std::to_string(problem.source().begin.line), "not valid TOML",
                        std::string(problem.description()),
                        "shoal config default prints a complete file");
  }
  return walker(label, kind).root(parsed);
}

} // namespace shoal::config
