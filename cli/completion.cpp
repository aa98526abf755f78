// shoal completion: scripts made from the tree of commands, so that they cannot miss one.
//
// All three work alike: walk the words typed so far down the tree, then offer the subcommands and
// options of the place reached, the values of the option before, and of a command's first argument
// LIB the libraries of the node. Where nothing matches, the shell offers files.

#include "cli/client/context.hpp"
#include "cli/local_commands.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>
#include <ostream>
#include <sstream>
#include <vector>

namespace shoal::cli {

namespace {

struct word {
  std::string text;
  std::string about;
};

struct option_word {
  std::vector<std::string> names; // --output, -o
  std::string about;
  bool takes_value = false;
  std::vector<std::string> values; // the only ones that it takes; empty: any
};

/// A place in the tree: `path` is "" for the root, else " config check".
struct place {
  std::string path;
  std::vector<word> words; // commands below, and values of arguments
  std::vector<option_word> options;
  bool takes_library = false; // as its first argument
};

/// What CLI11 and our own type names show of a choice: `TEXT:{mesh,line,star}`.
std::vector<std::string> choices_of(const CLI::Option& option) {
  const auto type = option.get_type_name();
  const auto open = type.find('{');
  const auto close = type.find('}', open);
  std::vector<std::string> out;
  if (open == std::string::npos || close == std::string::npos)
    return out;
  std::istringstream list(type.substr(open + 1, close - open - 1));
  for (std::string one; std::getline(list, one, ',');)
    out.push_back(one);
  return out;
}

std::vector<option_word> options_of(const CLI::App& at) {
  std::vector<option_word> out;
  for (const auto* option : at.get_options([](const auto* o) { return !o->get_positional(); })) {
    option_word w{{}, option->get_description(), option->get_items_expected_max() > 0, {}};
    for (const auto& name : option->get_lnames())
      w.names.push_back("--" + name);
    for (const auto& name : option->get_snames())
      w.names.push_back("-" + name);
    w.values = choices_of(*option);
    out.push_back(std::move(w));
  }
  return out;
}

void collect(const CLI::App& at, const std::string& path, std::vector<place>& out) {
  place here{path, {}, options_of(at), false};
  const auto children =
      at.get_subcommands([](const CLI::App* child) { return !child->get_name().empty(); });
  for (const auto* child : children)
    here.words.push_back({child->get_name(), child->get_description()});
  for (const auto* argument : at.get_options([](const auto* o) { return o->get_positional(); })) {
    here.takes_library = here.takes_library || argument->get_single_name() == "LIB";
    for (auto& choice : choices_of(*argument))
      here.words.push_back({std::move(choice), argument->get_description()});
  }
  out.push_back(std::move(here));
  for (const auto* child : children)
    collect(*child, path + " " + child->get_name(), out);
}

/// The root's options are also taken after a command, unless it has its own of that name.
std::vector<option_word> taken_at(const place& at, const place& root) {
  auto out = at.options;
  if (&at != &root)
    for (const auto& option : root.options)
      if (std::none_of(at.options.begin(), at.options.end(),
                       [&](const auto& own) { return own.names == option.names; }))
        out.push_back(option);
  return out;
}

/// In single quotes, for all three shells: in fish a backslash escapes too, so descriptions lose
/// theirs.
std::string quoted(const std::string& text, const std::string& shell) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += shell == "fish" ? "\\'" : "'\\''";
    else if (c != '\\' && c != '\n')
      out += c;
  }
  return out + "'";
}

std::string known_paths(const std::vector<place>& places, const std::string& separator,
                        const std::string& shell) {
  std::string out;
  for (const auto& p : places)
    if (!p.path.empty())
      out += (out.empty() ? "" : separator) + quoted(p.path, shell);
  return out;
}

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  std::string out;
  for (const auto& w : words)
    out += (out.empty() ? "" : separator) + w;
  return out;
}

/// The names of the node's libraries, one a line; nothing when no node is found. `node` is the
/// shell's text for the options that name it.
std::string list_libraries(const std::string& program, const std::string& node) {
  return program + " library list -o ndjson " + node
         + " 2>/dev/null | sed -n 's/.*\"name\":\"\\([^\" \\\\]*\\)\".*/\\1/p'";
}

/// Cases of bash and zsh for what follows an option that takes a value; `offer` makes the branch.
/// The root's come last, for they are taken everywhere.
template <class Offer>
std::string value_cases(const std::vector<place>& places, const std::string& shell, Offer offer) {
  std::string out;
  std::string last;
  for (const auto& p : places)
    for (const auto& option : p.options)
      if (option.takes_value) {
        std::vector<std::string> patterns;
        for (const auto& name : option.names)
          patterns.push_back((p.path.empty() ? "*" : "") + quoted(p.path + " " + name, shell));
        (p.path.empty() ? last : out) +=
            "    " + joined(patterns, "|") + ") " + offer(option.values) + " ;;\n";
      }
  return out + last;
}

/// What bash and zsh offer at a place: a word and its description.
std::vector<word> offered_at(const place& at, const place& root) {
  auto out = at.words;
  for (const auto& option : taken_at(at, root))
    out.push_back({option.names.front(), option.about});
  return out;
}

/// Patterns of bash and zsh for `$at $first`: the word at `cursor` is a command's LIB.
std::string library_patterns(const std::vector<place>& places, const std::string& shell,
                             const std::string& cursor) {
  std::vector<std::string> out;
  for (const auto& p : places)
    if (p.takes_library)
      out.push_back(quoted(p.path + " ", shell) + cursor);
  return joined(out, "|");
}

/// The loop of bash and zsh over the words before the cursor: where in the tree they lead, which is
/// the first argument there, and what names the node.
std::string walk(const std::vector<place>& places, const std::string& shell,
                 const std::string& first, const std::string& end, const std::string& words) {
  const auto word = "${" + words + "[i]}";
  return "  for ((i = " + first + "; i < " + end + "; i++)); do\n    case \"$at " + word
         + "\" in\n      " + known_paths(places, "|", shell) + ") at+=\" " + word
         + "\" first=$((i + 1)) ;;\n"
           "      *' --config'|*' --api'|*' --token-file') node+=(\""
         + word + "\" \"${" + words
         + "[i + 1]}\")\n"
           "        ((i != first)) || first=$((i + 2)) ;;\n"
           "    esac\n"
           "  done\n";
}

/// In bash and zsh the end of the case of places: where a library is due, the node's are added.
std::string libraries_case(const std::vector<place>& places, const std::string& shell,
                           const std::string& cursor, const std::string& add) {
  return "    esac\n    case \"$at $first\" in\n      " + library_patterns(places, shell, cursor)
         + ") " + add + " ;;\n    esac ;;\n  esac\n";
}

std::string bash(const std::vector<place>& places) {
  std::string out = "# shoal completion for bash; put it into /etc/bash_completion.d or: source "
                    "<(shoal completion bash)\n"
                    "_shoal() {\n"
                    "  local at='' i first=0 words='' node=()\n"
                    + walk(places, "bash", "1", "COMP_CWORD", "COMP_WORDS")
                    + "  case \"$at ${COMP_WORDS[COMP_CWORD - 1]}\" in\n"
                    + value_cases(places, "bash",
                                  [](const auto& values) {
                                    return "words=" + quoted(joined(values, " "), "bash");
                                  })
                    + "    *) case \"$at\" in\n";
  for (const auto& p : places) {
    std::vector<std::string> list;
    for (const auto& w : offered_at(p, places.front()))
      list.push_back(w.text);
    out +=
        "    " + quoted(p.path, "bash") + ") words=" + quoted(joined(list, " "), "bash") + " ;;\n";
  }
  return out
         + libraries_case(places, "bash", "$COMP_CWORD",
                          "words+=\" $(" + list_libraries("\"${COMP_WORDS[0]}\"", "\"${node[@]}\"")
                              + ")\"")
         + "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
           "}\n"
           "complete -o default -F _shoal shoal\n";
}

std::string zsh(const std::vector<place>& places) {
  std::string out =
      "#compdef shoal\n"
      "# shoal completion for zsh; put it into a folder of $fpath as _shoal, or: "
      "source <(shoal completion zsh)\n"
      "_shoal() {\n"
      "  local at='' i first=0\n"
      "  local -a offered node\n"
      + walk(places, "zsh", "2", "CURRENT", "words") + "  case \"$at ${words[CURRENT - 1]}\" in\n"
      + value_cases(places, "zsh",
                    [](const auto& values) { return "offered=(" + joined(values, " ") + ")"; })
      + "    *) case \"$at\" in\n";
  for (const auto& p : places) {
    out += "    " + quoted(p.path, "zsh") + ") offered=(";
    for (const auto& w : offered_at(p, places.front())) // _describe splits at the first colon
      out += "\n      " + quoted(w.text + ":" + w.about, "zsh");
    out += ") ;;\n";
  }
  return out
         + libraries_case(places, "zsh", "$CURRENT",
                          "offered+=(${(f)\"$("
                              + list_libraries("\"${words[1]}\"", "\"${node[@]}\"") + ")\"})")
         + "  _describe shoal offered || _files\n"
           "}\n"
           "if [ \"$funcstack[1]\" = _shoal ]; then _shoal \"$@\"; else compdef _shoal shoal; fi\n";
}

/// One `complete` of fish, where `what` is offered.
std::string fish_line(const place& at, const std::string& what, const std::string& about) {
  return "complete -c shoal -n " + quoted("__shoal_at \"" + at.path + "\"", "fish") + what
         + (about.empty() ? "" : " -d " + quoted(about, "fish")) + "\n";
}

std::string fish(const std::vector<place>& places) {
  std::string out =
      "# shoal completion for fish; put it into ~/.config/fish/completions/shoal.fish\n"
      "function __shoal_at\n"
      "  set -l words (commandline -opc)\n"
      "  set -e words[1]\n"
      "  set -l at ''\n"
      "  for word in $words\n"
      "    if contains -- \"$at $word\" "
      + known_paths(places, " ", "fish")
      + "\n"
        "      set at \"$at $word\"\n"
        "    end\n"
        "  end\n"
        "  test \"$at\" = \"$argv[1]\"\n"
        "end\n"
        "function __shoal_libraries\n"
        "  "
      + list_libraries("shoal", "") + "\nend\n";
  for (const auto& p : places) {
    for (const auto& w : p.words)
      out += fish_line(p, " -a " + quoted(w.text, "fish"), w.about);
    if (p.takes_library)
      out += fish_line(p, " -a '(__shoal_libraries)'", "library");
    for (const auto& option : taken_at(p, places.front())) {
      std::string what;
      for (const auto& name : option.names)
        what += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (!option.values.empty())
        what += " -x -a " + quoted(joined(option.values, " "), "fish");
      else if (option.takes_value)
        what += " -r";
      out += fish_line(p, what, option.about);
    }
  }
  return out;
}

} // namespace

std::string completion_script(const CLI::App& root, const std::string& shell) {
  std::vector<place> places;
  collect(root, "", places);
  if (shell == "bash")
    return bash(places);
  return shell == "zsh" ? zsh(places) : fish(places);
}

void add_completion(CLI::App& root, context& ctx) {
  auto shell = std::make_shared<std::string>();
  auto* command = root.add_subcommand("completion", "Print a completion script for a shell");
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback(
      [shell, &root, &ctx] { ctx.out << completion_script(root, *shell) << std::flush; });
}

} // namespace shoal::cli
