// libFuzzer target over shoal.toml, models.d and the environment. What is accepted is printed by
// `config show` and loads to the same; what is refused says where and why in one line.
//
// The input's parts are separated by NUL bytes: shoal.toml first, then variables (SHOAL__…=VALUE)
// and files of models.d in any order.

#include "config/options.hpp"
#include "store/models/declared.hpp"
#include "tests/fuzz/require.hpp"

#include <algorithm>

using namespace shoal;
using fuzz::require;

namespace {

struct asked {
  config::file_texts files;
  config::environment env;
};

asked take_apart(std::string_view input) {
  asked out;
  out.files.file = "/etc/shoal/shoal.toml";
  out.files.whole.label = "shoal.toml";
  for (bool first = true;; first = false) {
    const auto end = input.find('\0');
    const std::string part(input.substr(0, end));
    if (first)
      out.files.whole.text = part;
    else if (const auto equals = part.find('='); part.starts_with("SHOAL__") && equals != part.npos)
      out.env.emplace(part.substr(0, equals), part.substr(equals + 1));
    else
      out.files.models.push_back({"models.d/" + std::to_string(out.files.models.size()), part});
    if (end == std::string_view::npos)
      return out;
    input.remove_prefix(end + 1);
  }
}

/// `PLACE: key: problem (what would be right)`.
void check_error(const error& e) {
  const std::string_view m = e.message;
  require(e.code == ec::config, "a refusal is ec::config", m);
  require(m.starts_with("shoal.toml") || m.starts_with("models.d/") || m.starts_with("SHOAL__"),
          "a refusal names the file or the variable", m);
  const auto text = m.substr(std::min(m.find(": "), m.size() - 2) + 2); // behind the place
  require(text.find(" (") != m.npos || text.find("; ") != m.npos || text.find(": ") != m.npos,
          "a refusal says what would be right", m);
  require(std::none_of(m.begin(), m.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }),
          "a refusal is one line", m);
}

std::vector<std::pair<std::string, std::string>> values_of(const config::options& o) {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto& k : config::effective(o))
    out.emplace_back(std::move(k.name), std::move(k.value));
  std::sort(out.begin(), out.end()); // fields of a model come by name when they are read again
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto asked = take_apart({reinterpret_cast<const char*>(data), size});
  const auto read = config::parse(asked.files, asked.env);
  if (!read) {
    check_error(read.err());
    return 0;
  }
  config::file_texts shown;
  shown.file = asked.files.file;
  shown.whole = {"shoal.toml", config::show(*read)};
  const auto again = config::parse(shown, {});
  require(again.ok(), "what `config show` prints loads",
          again ? std::string() : again.err().message + "\n" + shown.whole.text);
  require(values_of(*again) == values_of(*read), "what `config show` prints loads to the same",
          shown.whole.text);
  const auto models = models::make_registry(read->models);
  const auto models_again = models::make_registry(again->models);
  require(models.ok() == models_again.ok(), "models mean the same when they are read again",
          shown.whole.text);
  if (!models)
    check_error(models.err());
  else
    require(models->hash() == models_again->hash(), "models are the same when they are read again",
            shown.whole.text);
  return 0;
}
