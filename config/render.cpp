// Options as text: the commented default file, and what is in force with its sources.

#include "config/keys.hpp"

namespace shoal::config {

namespace {

bool is_quoted(form what) { return what != form::integer && what != form::boolean; }

/// What follows a value: its bounds, where expectation() would say no more than `about`.
std::string bounds(const key& k) {
  if (k.what == form::integer)
    return " (" + std::to_string(k.least) + " to " + std::to_string(k.most) + ")";
  if (k.what != form::choice || k.about.find(':') != std::string_view::npos)
    return {};
  std::string list;
  for (const char c : k.choices)
    list += c == ' ' ? std::string(" | ") : std::string(1, c);
  return " (" + list + ")";
}

std::string value_text(const key& k, slot from) {
  return std::visit(
      [&k](auto* at) -> std::string {
        using T = std::remove_pointer_t<decltype(at)>;
        if constexpr (std::is_same_v<T, std::string>)
          return toml_string(*at);
        else if constexpr (std::is_same_v<T, std::filesystem::path>)
          return toml_string(at->string());
        else if constexpr (std::is_same_v<T, uint64_t>)
          return std::to_string(*at);
        else if constexpr (std::is_same_v<T, bool>)
          return *at ? "true" : "false";
        else if constexpr (std::is_same_v<T, std::optional<address>>)
          return toml_string(*at ? to_string(**at) : std::string{});
        else if constexpr (std::is_enum_v<T>)
          return toml_string(choice_name(k, static_cast<size_t>(*at)));
        else
          return toml_string(to_string(*at));
      },
      from);
}

constexpr size_t comment_column = 34;

std::string padded(std::string line) {
  if (line.size() < comment_column)
    line.append(comment_column - line.size(), ' ');
  else
    line += ' ';
  return line;
}

std::string default_line(const key& k) {
  const std::string value = is_quoted(k.what) ? toml_string(k.fallback) : std::string(k.fallback);
  return padded(std::string(k.name) + " = " + value) + "# " + std::string(k.about) + bounds(k)
         + "\n";
}

constexpr std::string_view head =
    "# Shoal's configuration, complete: every key with its default.\n"
    "# Relative paths belong to this file's folder. An environment variable overrides any key, for "
    "example\n"
    "# SHOAL__SYNC__BATCH_WINDOW_MS=5, or SHOAL__LIBRARY__0__MEMBER__1__ADDRESS=10.0.0.2:7420 in a "
    "list.\n";

constexpr std::string_view library_example =
    "\n"
    "# Libraries this node carries from the start; more can be made by command.\n"
    "# [[library]]\n"
    "# id = \"0b7d2c9e-8f5a-4a51-9a3c-6d1e0c5b7f42\"       # the same on every member\n"
    "# name = \"photos\"                # what commands call it on this node\n"
    "# sync = true                    # false: kept and served locally, not synced\n"
    "#   [[library.member]]           # known from the start; more can be added by command\n"
    "#   device = \"9f1c4e0a-52c7-8d3b-a1f6-7be02d94c318\" # its device id (shoal id)\n"
    "#   address = \"10.0.0.2:7420\"    # where to dial it; empty: it dials, or a peer tells\n";

constexpr std::string_view model_example =
    "\n"
    "# Models of your own; also in files of the folder models.d beside this one (docs/models.md).\n"
    "# [[model]]\n"
    "# name = \"album\"\n"
    "# class = \"shared\"               # shared: every member writes; device-owned: its owner "
    "only\n"
    "# id_from = [\"title\"]            # one record for one title; without it ids are random\n"
    "#   [model.fields]\n"
    "#   title = { type = \"string\", required = true }\n"
    "#   cover = { references = \"entry\" }\n"
    "#   labels = { type = \"string\", merge = \"set\" } # lww, set, counter or map\n";

std::string truth(bool value) { return value ? "true" : "false"; }

std::string text_list(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items)
    out += (out.empty() ? "" : ", ") + toml_string(item);
  return "[" + out + "]";
}

void add(std::vector<shown_key>& out, const model_options& m) {
  const std::string name = "model." + m.name + ".";
  out.push_back({name + "class", toml_string(m.cls), m.where});
  if (!m.id_from.empty())
    out.push_back({name + "id_from", text_list(m.id_from), m.where});
  for (const auto& f : m.fields) {
    const std::string field = name + "fields." + f.name + ".";
    out.push_back({field + "type", toml_string(f.type), f.where});
    out.push_back({field + "merge", toml_string(f.merge), f.where});
    if (!f.references.empty())
      out.push_back({field + "references", toml_string(f.references), f.where});
    out.push_back({field + "required", truth(f.required), f.where});
    out.push_back({field + "cascades", truth(f.cascades), f.where});
    out.push_back({field + "local", truth(f.local), f.where});
  }
}

/// A [[model]] that loads to the same.
std::string model_text(const model_options& m) {
  std::string out = "\n" + padded("[[model]]") + "# " + m.where + "\n";
  out += "name = " + toml_string(m.name) + "\nclass = " + toml_string(m.cls) + "\n";
  if (!m.id_from.empty())
    out += "id_from = " + text_list(m.id_from) + "\n";
  out += "  [model.fields]\n";
  for (const auto& f : m.fields) {
    std::string line = "  " + toml_string(f.name) + " = { type = " + toml_string(f.type);
    if (f.merge != "lww")
      line += ", merge = " + toml_string(f.merge);
    if (!f.references.empty())
      line += ", references = " + toml_string(f.references);
    if (f.required)
      line += ", required = true";
    if (f.cascades)
      line += ", cascades = true";
    if (f.local)
      line += ", local = true";
    out += padded(line + " }") + "# " + f.where + "\n";
  }
  return out;
}

void add(std::vector<shown_key>& out, const options& opts, const std::string& name, const key& k,
         slot from) {
  const auto source = opts.sources.find(name);
  out.push_back({name, value_text(k, from),
                 source == opts.sources.end() ? std::string("default") : source->second});
}

} // namespace

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string render_default() {
  std::string out(head);
  std::string_view table;
  for (const auto& k : node_keys()) {
    if (k.table == "sync" && table == "api")
      out += std::string(library_example) + std::string(model_example);
    if (k.table != table)
      out += "\n[" + std::string(k.table) + "]\n";
    table = k.table;
    out += default_line(k);
  }
  return out;
}

static std::vector<shown_key> plain_keys(const options& opts) {
  std::vector<shown_key> out;
  options copy = opts; // slots are for writing as well
  for (const auto& k : node_keys())
    add(out, opts, full_name(k), k, k.at(copy));
  for (size_t n = 0; n < copy.libraries.size(); ++n) {
    auto& library = copy.libraries[n];
    const std::string prefix = "library." + std::to_string(n) + ".";
    for (const auto& k : library_keys())
      add(out, opts, prefix + std::string(k.name), k, k.at(library));
    for (size_t m = 0; m < library.members.size(); ++m)
      for (const auto& k : member_keys())
        add(out, opts, prefix + "member." + std::to_string(m) + "." + std::string(k.name), k,
            k.at(library.members[m]));
  }
  return out;
}

std::vector<shown_key> effective(const options& opts) {
  auto out = plain_keys(opts);
  for (const auto& m : opts.models)
    add(out, m);
  return out;
}

std::string show(const options& opts) {
  std::string out = "# in force for " + opts.file.string() + "\n";
  std::string last;
  for (const auto& shown : plain_keys(opts)) {
    const auto dot = shown.name.rfind('.');
    const std::string group = shown.name.substr(0, dot);
    if (group != last) {
      const bool list = group.starts_with("library.");
      const bool member = group.find(".member.") != std::string::npos;
      out += list ? (member ? "[[library.member]]\n" : "\n[[library]]\n") : "\n[" + group + "]\n";
      last = group;
    }
    out += padded(shown.name.substr(dot + 1) + " = " + shown.value) + "# " + shown.source + "\n";
  }
  for (const auto& m : opts.models)
    out += model_text(m);
  return out;
}

} // namespace shoal::config
