// Declared models: the keys of [[model]] and of its fields, and the folder models.d.

#include "config/nearest.hpp"
#include "config/plain_text.hpp"
#include "config/raw.hpp"

#include <algorithm>
#include <tuple>

namespace shoal::config {

namespace {

constexpr std::array<std::string_view, 4> model_words = {"name", "class", "id_from", "fields"};
constexpr std::array<std::string_view, 7> field_words = {
    "name", "type", "merge", "references", "required", "cascades", "local"};

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// One table's values, taken out one by one. The first fault sticks.
class value_reader {
public:
  value_reader(const std::map<std::string, raw_value>& values, std::string where, std::string name)
      : values_(values), where_(std::move(where)), name_(std::move(name)) {}

  std::string text(const std::string& key) {
    const auto* given = find(key);
    if (given == nullptr || failed_)
      return {};
    const auto* value = std::get_if<std::string>(&given->value);
    if (value == nullptr)
      return fail(*given, key, "is " + given->type, "write it as text in quotes"), "";
    if (!is_name(*value))
      return fail(*given, key, value->empty() ? "is empty" : "is no name",
                  "use 1 to " + std::to_string(name_bytes_max) + " bytes of plain text"),
             "";
    return *value;
  }

  bool truth(const std::string& key) {
    const auto* given = find(key);
    if (given == nullptr || failed_)
      return false;
    const auto* value = std::get_if<bool>(&given->value);
    if (value == nullptr)
      fail(*given, key, "is " + given->type, "use true or false");
    return value != nullptr && *value;
  }

  /// One text counts as a list of one.
  std::vector<std::string> list(const std::string& key) {
    const auto* given = find(key);
    if (given == nullptr || failed_)
      return {};
    if (const auto* several = std::get_if<std::vector<std::string>>(&given->value)) {
      if (several->empty())
        fail(*given, key, "is empty", "name a field, or leave it out for random ids");
      return *several;
    }
    if (std::holds_alternative<std::string>(given->value))
      return {text(key)};
    fail(*given, key, "is " + given->type, R"(name fields: ["title", "year"])");
    return {};
  }

  /// Ends with an error at the first key that is not one of `words`.
  void only(std::span<const std::string_view> words, const std::string& hint) {
    for (const auto& [key, value] : values_)
      if (!failed_ && !is_one_of(key, words))
        fail(value, key, "unknown key",
             "the nearest is " + std::string(nearest_word(key, words)) + hint);
  }

  void must_have(const std::string& key, const std::string& value, const std::string& right) {
    if (!failed_ && value.empty())
      failed_ = config_error(where_, name_ + "." + key, "is missing", right);
  }

  void fail(const raw_value& value, const std::string& key, const std::string& problem,
            const std::string& right) {
    if (!failed_)
      failed_ = config_error(value.where, name_ + "." + key, problem, right);
  }

  const raw_value* find(const std::string& key) const {
    const auto it = values_.find(key);
    return it == values_.end() ? nullptr : &it->second;
  }
  const std::optional<error>& failed() const { return failed_; }

private:
  const std::map<std::string, raw_value>& values_;
  std::string where_;
  std::string name_;
  std::optional<error> failed_;
};

result<field_options> read_field(const raw_field& raw, const std::string& model) {
  field_options out;
  out.name = raw.name;
  out.where = raw.where;
  const bool in_list = out.name.empty();
  value_reader values(raw.values, raw.where, model + ".fields" + (in_list ? "" : "." + raw.name));
  values.only(field_words,
              "; a field has name, type, merge, references, required, cascades and local");
  if (in_list)
    out.name = values.text("name");
  else if (const auto* name = values.find("name"); name != nullptr)
    values.fail(*name, "name", "is given twice", "the field is named by its key already");
  values.must_have("name", out.name, "name the field");
  out.type = values.text("type");
  if (auto merge = values.text("merge"); !merge.empty())
    out.merge = std::move(merge);
  out.references = values.text("references");
  out.required = values.truth("required");
  out.cascades = values.truth("cascades");
  out.local = values.truth("local");
  if (out.type.empty() && out.merge == "counter")
    out.type = "integer";
  if (out.type.empty() && !out.references.empty())
    out.type = "uuid";
  values.must_have("type", out.type,
                   "use one of string, integer, float, boolean, time, uuid, json");
  if (values.failed())
    return *values.failed();
  return out;
}

result<model_options> read_model(const raw_model& raw) {
  model_options out;
  out.where = raw.where;
  value_reader named(raw.values, raw.where, "model");
  out.name = named.text("name");
  named.must_have("name", out.name, "name the model");
  if (named.failed())
    return *named.failed();
  const std::string name = "model." + out.name;
  value_reader values(raw.values, raw.where, name);
  for (const auto& [key, value] : raw.values)
    if (key != "name" && is_one_of(key, field_words))
      values.fail(value, key, "is a field's key",
                  "write it below [model.fields]: NAME = { type = \"…\", " + key + " = … }");
  values.only(model_words, "; a model has name, class, id_from and fields");
  out.cls = values.text("class");
  values.must_have("class", out.cls, "use shared or device-owned");
  out.id_from = values.list("id_from");
  if (values.failed())
    return *values.failed();
  for (const auto& field : raw.fields) {
    auto made = read_field(field, name);
    if (!made)
      return made.err();
    out.fields.push_back(std::move(*made));
  }
  return out;
}

/// The files of a folder by name; none when there is no folder.
result<std::vector<std::filesystem::path>> model_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  std::error_code failed;
  const auto about = std::filesystem::status(folder, failed);
  if (about.type() == std::filesystem::file_type::not_found)
    return out;
  std::filesystem::directory_iterator at(folder, failed);
  for (; !failed && at != std::filesystem::directory_iterator(); at.increment(failed)) {
    const auto name = at->path().filename().string();
    if (at->path().extension() == ".toml" && !name.starts_with('.'))
      out.push_back(at->path());
  }
  if (failed)
    return config_error(folder.string(), "models.d", "cannot be read: " + failed.message(),
                        "make it a readable folder of *.toml files, or remove it");
  std::sort(out.begin(), out.end());
  return out;
}

status add_models(const raw_config& raw, std::vector<model_options>& into) {
  for (const auto& one : raw.models) {
    auto made = read_model(one);
    if (!made)
      return made.err();
    const auto known = std::find_if(into.begin(), into.end(),
                                    [&](const auto& other) { return other.name == made->name; });
    if (known == into.end())
      into.push_back(std::move(*made));
    else if (!is_same(*known, *made)) // what `config show` printed may lie beside its sources
      return config_error(made->where, "model." + made->name,
                          "is declared in another way at " + known->where,
                          "declare each model once");
  }
  return success();
}

} // namespace

bool is_same(const model_options& a, const model_options& b) {
  const auto said = [](const field_options& f) {
    return std::tie(f.name, f.type, f.merge, f.references, f.required, f.cascades, f.local);
  };
  const auto by_name = [](const field_options* x, const field_options* y) {
    return x->name < y->name;
  };
  const auto sorted = [&](const model_options& m) {
    std::vector<const field_options*> out;
    for (const auto& f : m.fields)
      out.push_back(&f);
    std::sort(out.begin(), out.end(), by_name);
    return out;
  };
  const auto left = sorted(a);
  const auto right = sorted(b);
  return a.name == b.name && a.cls == b.cls && a.id_from == b.id_from
         && std::equal(left.begin(), left.end(), right.begin(), right.end(),
                       [&](const auto* x, const auto* y) { return said(*x) == said(*y); });
}

result<std::vector<model_options>> read_models(const raw_config& raw,
                                               const std::vector<file_texts::named>& files) {
  std::vector<model_options> out;
  if (auto done = add_models(raw, out); !done)
    return done.err();
  for (const auto& file : files) {
    auto parsed = parse_toml(file.text, file.label, file_kind::models);
    if (!parsed)
      return parsed.err();
    if (auto done = add_models(*parsed, out); !done)
      return done.err();
  }
  return out;
}

result<std::vector<file_texts::named>> read_model_files(const std::filesystem::path& directory) {
  auto files = model_files(directory / "models.d");
  if (!files)
    return files.err();
  std::vector<file_texts::named> out;
  for (const auto& file : *files) {
    auto text = read_file(file, file.string(), "remove the link, or mend it");
    if (!text)
      return text.err();
    out.push_back({file.string(), std::move(*text)});
  }
  return out;
}

} // namespace shoal::config
