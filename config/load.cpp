// From raw values to options: types, bounds, presets, paths, and what must not occur twice.

#include "config/limits.hpp"
#include "config/plain_text.hpp"
#include "config/raw.hpp"

#include <charconv>
#include <fstream>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace shoal::config {

namespace {

/// Puts one value into its slot, or says what is wrong with it.
class filler {
public:
  filler(const key& k, const raw_value& raw, const std::filesystem::path& directory)
      : key_(k), raw_(raw), directory_(directory) {}

  /// Empty when done, else the problem.
  std::string fill(slot into) {
    switch (key_.what) {
    case form::integer: return integer(*std::get<uint64_t*>(into));
    case form::boolean: return boolean(*std::get<bool*>(into));
    default: break;
    }
    const auto* given = std::get_if<std::string>(&raw_.value);
    if (given == nullptr)
      return "is " + raw_.type;
    text_ = *given;
    if (!is_utf8(text_))
      return "is not UTF-8";
    return std::visit([this](auto* place) { return text(*place); }, into);
  }

private:
  std::string integer(uint64_t& into) const {
    int64_t number = 0;
    if (const auto* given = std::get_if<int64_t>(&raw_.value)) {
      number = *given;
    } else if (const auto* written = std::get_if<std::string>(&raw_.value);
               raw_.from_environment && written) {
      const char* last = written->data() + written->size();
      const auto [end, failed] = std::from_chars(written->data(), last, number);
      if (failed != std::errc{} || end != last)
        return "is '" + *written + "'";
    } else {
      return "is " + raw_.type;
    }
    if (number < 0 || static_cast<uint64_t>(number) < key_.least
        || static_cast<uint64_t>(number) > key_.most)
      return "is " + std::to_string(number);
    into = static_cast<uint64_t>(number);
    return {};
  }

  std::string boolean(bool& into) const {
    if (const auto* given = std::get_if<bool>(&raw_.value)) {
      into = *given;
      return {};
    }
    const auto* written = std::get_if<std::string>(&raw_.value);
    if (!raw_.from_environment || !written)
      return "is " + raw_.type;
    if (*written != "true" && *written != "false")
      return "is '" + *written + "'";
    into = *written == "true";
    return {};
  }

  std::string text(std::string& into) const {
    if (text_.size() < key_.least || text_.size() > key_.most)
      return text_.empty() ? "is empty" : "has " + std::to_string(text_.size()) + " bytes";
    if (has_control(text_))
      return "has a control character";
    if (key_.what == form::log_spec && !check_log_spec(text_))
      return "is '" + text_ + "'";
    into = text_;
    return {};
  }

  std::string text(std::filesystem::path& into) const {
    if (text_.empty())
      return "is empty";
    if (has_control(text_))
      return "has a control character";
    into = (directory_ / text_).lexically_normal();
    return {};
  }

  std::string text(address& into) const {
    auto parsed = parse_address(text_, port_zero::allowed);
    if (!parsed)
      return shown() + parsed.err().message;
    into = *parsed;
    return {};
  }

  std::string text(std::optional<address>& into) const {
    into.reset();
    if (text_.empty())
      return {};
    auto parsed = parse_address(text_, port_zero::refused);
    if (!parsed)
      return shown() + parsed.err().message;
    into = *parsed;
    return {};
  }

  template <class Tag>
  std::string text(basic_id<Tag>& into) const {
    auto parsed = parse_id<basic_id<Tag>>(text_);
    if (!parsed)
      return shown() + "is no uuid";
    if (parsed->is_nil())
      return "is the nil uuid, which names nothing";
    into = *parsed;
    return {};
  }

  template <class Enum>
  requires std::is_enum_v<Enum> std::string text(Enum& into)
  const {
    size_t n = 0;
    for (std::string_view rest = key_.choices; !rest.empty(); ++n) {
      const auto blank = rest.find(' ');
      if (rest.substr(0, blank) == text_) {
        into = static_cast<Enum>(n);
        return {};
      }
      rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
    }
    return "is '" + text_ + "'";
  }

  /// Numbers and booleans are handled before.
  std::string text(uint64_t&) const { return "is a string"; }
  std::string text(bool&) const { return "is a string"; }

  std::string shown() const { return "'" + text_ + "' "; }

  const key& key_;
  const raw_value& raw_;
  const std::filesystem::path& directory_;
  std::string text_;
};

class reader_of_options {
public:
  reader_of_options(raw_config raw, const std::filesystem::path& file, std::string label)
      : raw_(std::move(raw)), label_(std::move(label)) {
    out_.file = file;
    out_.directory = file.parent_path();
  }

  result<options> read() {
    if (auto done = plain_tables(); !done)
      return done.err();
    if (auto done = libraries(); !done)
      return done.err();
    if (out_.sync.retry_max_seconds * 1000 < out_.sync.retry_initial_ms)
      return config_error(where("sync.retry_max_seconds"), "sync.retry_max_seconds",
                          "is less than sync.retry_initial_ms ("
                              + std::to_string(out_.sync.retry_initial_ms) + " ms)",
                          "the longest wait is at least the first");
    if (out_.node.name.empty())
      out_.node.name = host_name();
    return std::move(out_);
  }

private:
  status plain_tables() {
    // The preset first: it decides what the others fall back to.
    for (const bool presets : {true, false})
      for (const auto& k : node_keys())
        if ((k.table == "sync" && k.name == "preset") == presets)
          if (auto done = fill(k, raw_.tables[std::string(k.table)], full_name(k), k.at(out_));
              !done)
            return done;
    return success();
  }

  status libraries() {
    std::map<library_id, std::string> ids;
    std::map<std::string, std::string> names;
    for (auto& raw : raw_.libraries) {
      const std::string prefix = "library." + std::to_string(out_.libraries.size()) + ".";
      library_options library;
      for (const auto& k : library_keys())
        if (auto done = fill(k, raw, prefix + std::string(k.name), k.at(library)); !done)
          return done;
      // Commands take a name or an id; a name that reads as an id would make one of them
      // unreachable.
      if (parse_uuid(library.name))
        return config_error(raw.values["name"].where, "library.name", "reads as a uuid",
                            "use another name");
      if (const auto [at, fresh] = ids.emplace(library.id, raw.where); !fresh)
        return config_error(raw.values["id"].where, "library.id",
                            "is that of the library at " + at->second, "give each library once");
      if (const auto [at, fresh] = names.emplace(library.name, raw.where); !fresh)
        return config_error(raw.values["name"].where, "library.name",
                            "is that of the library at " + at->second,
                            "give each library its own name");
      if (auto done = members(raw, prefix, library); !done)
        return done;
      out_.libraries.push_back(std::move(library));
    }
    return success();
  }

  status members(raw_table& raw, const std::string& prefix, library_options& library) {
    std::map<device_id, std::string> seen;
    for (auto& entry : raw.members) {
      member_options member;
      const std::string name = prefix + "member." + std::to_string(library.members.size()) + ".";
      for (const auto& k : member_keys())
        if (auto done = fill(k, entry, name + std::string(k.name), k.at(member)); !done)
          return done;
      if (const auto [at, fresh] = seen.emplace(member.device, entry.where); !fresh)
        return config_error(entry.values["device"].where, "library.member.device",
                            "is that of the member at " + at->second,
                            "give each member of a library once");
      library.members.push_back(std::move(member));
    }
    return success();
  }

  status fill(const key& k, const raw_table& from, const std::string& name, slot into) {
    raw_value value;
    if (const auto given = from.values.find(std::string(k.name)); given != from.values.end()) {
      value = given->second;
    } else if (k.required) {
      return config_error(from.where, full_name(k), "is missing", expectation(k));
    } else if (const auto preset =
                   k.table == "sync" ? preset_value(out_.sync.preset, k.name) : std::nullopt) {
      value.value = static_cast<int64_t>(*preset);
      value.where = "preset " + preset_text();
    } else {
      // As if from the environment: the table states every default as text.
      value = {std::string(k.fallback), "a string", "default", true};
    }
    filler one(k, value, out_.directory);
    if (const std::string problem = one.fill(into); !problem.empty())
      return config_error(value.where, full_name(k), problem, expectation(k));
    out_.sources[name] = value.where;
    return success();
  }

  std::string preset_text() const {
    for (const key* k : all_keys())
      if (k->name == "preset")
        return std::string(choice_name(*k, static_cast<size_t>(out_.sync.preset)));
    return {};
  }

  /// Who set a key; for a default, the file that could.
  std::string where(const std::string& name) const {
    const auto& source = out_.sources.at(name);
    return source == "default" || source.starts_with("preset ") ? label_ : source;
  }

  static std::string host_name() {
    std::array<char, 256> buffer{};
    const bool known = gethostname(buffer.data(), buffer.size() - 1) == 0;
    return known && is_name(buffer.data()) ? buffer.data() : "node";
  }

  raw_config raw_;
  std::string label_;
  options out_;
};

} // namespace

result<std::string> read_file(const std::filesystem::path& file, const std::string& label,
                              const std::string& right) {
  struct stat about {};
  if (stat(file.c_str(), &about) != 0)
    return config_error(label, "configuration file", std::generic_category().message(errno), right);
  if (!S_ISREG(about.st_mode))
    return config_error(label, "configuration file", "is not a regular file", right);
  if (static_cast<size_t>(about.st_size) > limits::config_file_bytes_max)
    return config_error(label, "configuration file",
                        "has " + std::to_string(about.st_size) + " bytes",
                        "at most " + std::to_string(limits::config_file_bytes_max));
  std::ifstream in(file, std::ios::binary);
  std::string text(static_cast<size_t>(about.st_size), '\0');
  if (!in.read(text.data(), about.st_size))
    return config_error(label, "configuration file", "cannot be read",
                        "make it readable for the user who runs shoal");
  return text;
}

result<options> parse(const file_texts& files, const environment& env) {
  auto raw = parse_toml(files.whole.text, files.whole.label);
  if (!raw)
    return raw.err();
  if (auto done = overlay(*raw, env); !done)
    return done.err();
  auto models = read_models(*raw, files.models);
  if (!models)
    return models.err();
  auto out = reader_of_options(std::move(*raw), files.file, files.whole.label).read();
  if (out)
    out->models = std::move(*models);
  return out;
}

result<options> load(const std::filesystem::path& file, const environment& env) {
  file_texts files;
  files.whole.label = file.string();
  auto text = read_file(file, files.whole.label, "make one with: shoal init DIR");
  if (!text)
    return text.err();
  files.whole.text = std::move(*text);
  std::error_code failed;
  files.file = std::filesystem::absolute(file, failed).lexically_normal();
  if (failed)
    return config_error(files.whole.label, "configuration file",
                        "has no absolute path: " + failed.message(),
                        "run from a folder that exists");
  auto models = read_model_files(files.file.parent_path());
  if (!models)
    return models.err();
  files.models = std::move(*models);
  return parse(files, env);
}

} // namespace shoal::config
