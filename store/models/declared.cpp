#include "store/models/declared.hpp"

#include "config/nearest.hpp"

#include <algorithm>
#include <array>

namespace shoal::models {

namespace {

template <class T>
struct word {
  std::string_view text;
  T means;
};

// The first word of each meaning is the one that messages and docs/models.md use; the others are
// those of INTERFACE.md's tables and of other languages.
constexpr std::array types = {
    word<value_type>{"string", value_type::string},   word<value_type>{"s", value_type::string},
    word<value_type>{"integer", value_type::integer}, word<value_type>{"int", value_type::integer},
    word<value_type>{"i", value_type::integer},       word<value_type>{"float", value_type::real},
    word<value_type>{"double", value_type::real},     word<value_type>{"f", value_type::real},
    word<value_type>{"boolean", value_type::boolean}, word<value_type>{"bool", value_type::boolean},
    word<value_type>{"b", value_type::boolean},       word<value_type>{"time", value_type::time},
    word<value_type>{"t", value_type::time},          word<value_type>{"uuid", value_type::uuid},
    word<value_type>{"u", value_type::uuid},          word<value_type>{"json", value_type::json},
    word<value_type>{"j", value_type::json},
};
constexpr std::string_view type_list =
    "use one of string, integer, float, boolean, time, uuid, json";

constexpr std::array merges = {
    word<field_kind>{"lww", field_kind::lww},
    word<field_kind>{"set", field_kind::set},
    word<field_kind>{"counter", field_kind::counter},
    word<field_kind>{"map", field_kind::map},
};
constexpr std::string_view merge_list = "use one of lww, set, counter, map";

constexpr std::array classes = {
    word<record_class>{"shared", record_class::shared},
    word<record_class>{"device-owned", record_class::owned},
    word<record_class>{"device_owned", record_class::owned},
    word<record_class>{"owned", record_class::owned},
};

template <class T, size_t N>
std::string_view first_word(const std::array<word<T>, N>& words, T means) {
  return std::find_if(words.begin(), words.end(), [&](const auto& w) { return w.means == means; })
      ->text;
}

/// The meaning of a word, or "'WORD' (the nearest is …; LIST)".
template <class T, size_t N>
result<T> meaning(const std::array<word<T>, N>& words, const std::string& text,
                  std::string_view list) {
  std::vector<std::string_view> known;
  for (const auto& w : words) {
    if (w.text == text)
      return w.means;
    if (w.text.size() > 1) // one letter is near to everything
      known.push_back(w.text);
  }
  return error{ec::config, "'" + text + "' (the nearest is "
                               + std::string(config::nearest_word(text, known)) + "; "
                               + std::string(list) + ")"};
}

error at(const std::string& where, const model_def& m, const std::string& rest) {
  return {ec::config, where + ": model " + m.name + rest};
}

status fill(field_def& out, const model_def& m, const config::field_options& f) {
  const auto refuse = [&](const std::string& what) {
    return at(f.where, m, ", field " + f.name + ": " + what);
  };
  out.name = f.name;
  out.where = f.where;
  out.required = f.required;
  out.local = f.local;
  out.references = f.references;
  const auto type = meaning(types, f.type, type_list);
  if (!type)
    return refuse("type is " + type.err().message);
  out.type = *type;
  const auto merge = meaning(merges, f.merge, merge_list);
  if (!merge)
    return refuse("merge is " + merge.err().message);
  out.kind = *merge;
  if (!f.cascades)
    return success();
  if (f.references.empty())
    return refuse("cascades, but references no model (add references = \"MODEL\")");
  if (out.kind != field_kind::lww)
    return refuse("cascades, but is a " + f.merge + " (a cascading reference has merge lww)");
  out.kind = field_kind::parent;
  return success();
}

} // namespace

result<registry> make_registry(const std::vector<config::model_options>& declared) {
  std::vector<model_def> group;
  group.reserve(declared.size());
  for (const auto& d : declared) {
    model_def m;
    m.name = d.name;
    m.where = d.where;
    const auto cls = meaning(classes, d.cls, "use shared or device-owned");
    if (!cls)
      return at(d.where, m, ": class is " + cls.err().message);
    m.cls = *cls;
    if (!d.id_from.empty())
      m.id.from = id_rule::source::fields;
    m.id.fields = d.id_from;
    for (const auto& f : d.fields)
      if (auto ok = fill(m.fields.emplace_back(), m, f); !ok)
        return ok.err();
    group.push_back(std::move(m));
  }
  registry out;
  if (auto ok = out.add(std::move(group)); !ok)
    return ok.err();
  return out;
}

std::string_view word_of(value_type type) { return first_word(types, type); }
std::string_view word_of(field_kind merge) {
  return first_word(merges, merge == field_kind::parent ? field_kind::lww : merge);
}
std::string_view word_of(record_class cls) { return first_word(classes, cls); }

status check_wider(const registry& old, const registry& wider) {
  for (const auto* before : old.parents_first()) {
    const auto* after = wider.find(before->name);
    if (!after)
      return error{ec::config, "model " + before->name + " is gone"};
    if (after->definition_hash == before->definition_hash)
      continue;
    if (after->cls != before->cls || after->id != before->id)
      return error{ec::config, "model " + before->name + " has another class or id rule"};
    for (const auto& f : before->fields) {
      const auto* same = after->field(f.name);
      if (!same || same->type != f.type || same->kind != f.kind || same->required != f.required
          || same->references != f.references || same->local != f.local)
        return error{ec::config, "model " + before->name + ", field " + f.name
                                     + (same ? " is declared in another way" : " is gone")};
    }
  }
  return success();
}

} // namespace shoal::models
