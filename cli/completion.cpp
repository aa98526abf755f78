// shoal completion: scripts made from the tree of commands, so that they cannot miss one.
//
// All three work alike: walk the words typed so far down the tree, then offer the subcommands and
// options of the place reached. Where nothing matches, the shell offers files.

#include "cli/client/context.hpp"
#include "cli/local_commands.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>
#include <ostream>
#include <vector>

namespace shoal::cli {

namespace {

struct word {
  std::string text;
  std::string about;
};

/// A place in the tree: `path` is "" for the root, else " config check".
struct place {
  std::string path;
  std::vector<word> words;
};

std::vector<word> options_of(const CLI::App& at) {
  std::vector<word> out;
  for (const auto* option : at.get_options())
    for (const auto& name : option->get_lnames())
      out.push_back({"--" + name, option->get_description()});
  return out;
}

/// `inherited` are the root's options, which are also taken after a command.
void collect(const CLI::App& at, const std::string& path, const std::vector<word>& inherited,
             std::vector<place>& out) {
  place here{path, {}};
  const auto children =
      at.get_subcommands([](const CLI::App* child) { return !child->get_name().empty(); });
  for (const auto* child : children)
    here.words.push_back({child->get_name(), child->get_description()});
  for (auto& option : options_of(at))
    here.words.push_back(std::move(option));
  for (const auto& option : inherited)
    if (std::none_of(here.words.begin(), here.words.end(),
                     [&](const word& w) { return w.text == option.text; }))
      here.words.push_back(option);
  out.push_back(std::move(here));
  for (const auto* child : children)
    collect(*child, path + " " + child->get_name(), inherited, out);
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

std::string bash(const std::vector<place>& places) {
  std::string out = "# shoal completion for bash; put it into /etc/bash_completion.d or: source "
                    "<(shoal completion bash)\n"
                    "_shoal() {\n"
                    "  local at='' i words=''\n"
                    "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                    "    case \"$at ${COMP_WORDS[i]}\" in\n"
                    "      "
                    + known_paths(places, "|", "bash")
                    + ") at+=\" ${COMP_WORDS[i]}\" ;;\n"
                      "    esac\n"
                      "  done\n"
                      "  case \"$at\" in\n";
  for (const auto& p : places) {
    std::string list;
    for (const auto& w : p.words)
      list += (list.empty() ? "" : " ") + w.text;
    out += "    " + quoted(p.path, "bash") + ") words=" + quoted(list, "bash") + " ;;\n";
  }
  return out
         + "  esac\n"
           "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
           "}\n"
           "complete -o default -F _shoal shoal\n";
}

std::string zsh(const std::vector<place>& places) {
  std::string out = "#compdef shoal\n"
                    "# shoal completion for zsh; put it into a folder of $fpath as _shoal, or: "
                    "source <(shoal completion zsh)\n"
                    "_shoal() {\n"
                    "  local at='' i\n"
                    "  local -a offered\n"
                    "  for ((i = 2; i < CURRENT; i++)); do\n"
                    "    case \"$at ${words[i]}\" in\n"
                    "      "
                    + known_paths(places, "|", "zsh")
                    + ") at+=\" ${words[i]}\" ;;\n"
                      "    esac\n"
                      "  done\n"
                      "  case \"$at\" in\n";
  for (const auto& p : places) {
    out += "    " + quoted(p.path, "zsh") + ") offered=(";
    for (const auto& w : p.words) {
      out +=
          "\n      " + quoted(w.text + ":" + w.about, "zsh"); // _describe splits at the first colon
    }
    out += ") ;;\n";
  }
  return out
         + "  esac\n"
           "  _describe shoal offered || _files\n"
           "}\n"
           "if [ \"$funcstack[1]\" = _shoal ]; then _shoal \"$@\"; else compdef _shoal shoal; fi\n";
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
        "end\n";
  for (const auto& p : places)
    for (const auto& w : p.words) {
      const bool option = w.text.starts_with("--");
      out += "complete -c shoal -n " + quoted("__shoal_at \"" + p.path + "\"", "fish")
             + (option ? " -l " + w.text.substr(2) : " -a " + w.text) + " -d "
             + quoted(w.about, "fish") + "\n";
    }
  return out;
}

} // namespace

std::string completion_script(const CLI::App& root, const std::string& shell) {
  std::vector<place> places;
  collect(root, "", options_of(root), places);
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
