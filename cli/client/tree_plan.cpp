#include "cli/client/tree_plan.hpp"

#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace shoal::cli {

namespace {

constexpr entry_kind all_kinds[] = {entry_kind::file, entry_kind::directory, entry_kind::symlink};
/// Records with one inode that are looked at for a moved file. Some network file systems number
/// every file the same; without a bound matching them would take quadratic time.
constexpr size_t inode_candidates_max = 64;

uint64_t place_hash(const record_id& parent, std::string_view name) {
  return std::hash<record_id>{}(parent)*0x9e3779b97f4a7c15ULL ^ std::hash<std::string_view>{}(name);
}

std::string permissions_text(uint32_t permissions) {
  std::string out = "0000";
  for (size_t i = 4; i > 0; --i, permissions >>= 3)
    out[i - 1] = static_cast<char>('0' + (permissions & 7));
  return out;
}

uint32_t parse_permissions(const std::string& text) {
  uint32_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  const bool whole = failed == std::errc{} && end == text.data() + text.size() && value <= 07777;
  return whole && permissions_text(value) == text ? value : entry_facts::no_permissions;
}

std::string_view extension_for(entry_kind kind, const std::string& name, std::string& buffer) {
  buffer = kind == entry_kind::file ? extension_of(name) : std::string{};
  return buffer;
}

/// The facts that a scan may change: what it could not see stays as the record has it.
entry_facts facts_to_be(const scanned_entry& found, const entry_facts& recorded) {
  if (!found.unreadable)
    return found.facts;
  entry_facts out = recorded;
  if (found.facts.inode != entry_facts::unknown) {
    out = found.facts;
    out.child_count = recorded.child_count;
  }
  return out;
}

/// Matches scanned entries with records.
class matching {
public:
  matching(const scanned_tree& scan, const std::vector<present_entry>& present, tree_plan& plan)
      : scan_(scan), present_(present), plan_(plan), claimed_by_(present.size(), tree_plan::none) {
    plan_.present.assign(scan.entries.size(), tree_plan::none);
    by_place_.reserve(present.size());
    by_inode_.reserve(present.size());
    for (uint32_t i = 0; i < present.size(); ++i) {
      by_place_.emplace_back(place_hash(present[i].parent, present[i].name), i);
      if (present[i].facts.inode != entry_facts::unknown)
        by_inode_.emplace_back(present[i].facts.inode, i);
    }
    std::sort(by_place_.begin(), by_place_.end());
    std::sort(by_inode_.begin(), by_inode_.end());
  }

  void run(const record_id& root) {
    for (uint32_t i = 0; i < present_.size(); ++i) {
      const auto& p = present_[i];
      const bool is_root = root.is_nil() ? p.parent.is_nil() : p.id == root;
      if (is_root && p.facts.kind == entry_kind::directory && plan_.present[0] == tree_plan::none)
        claim(0, i);
    }
    // What stands where it stood first, so that a new hard link does not take over the record of
    // another.
    for (int effort = 1; effort <= 3; ++effort)
      for (uint32_t i = 1; i < scan_.entries.size(); ++i) {
        if (plan_.present[i] != tree_plan::none)
          continue;
        uint32_t found = at_place(i, true);
        if (found == tree_plan::none && effort >= 2)
          found = with_inode(i);
        if (found == tree_plan::none && effort >= 3)
          found = at_place(i, false);
        if (found != tree_plan::none)
          claim(i, found);
      }
  }

  /// The scanned entry whose record this is, or none.
  uint32_t claimed_by(uint32_t record) const { return claimed_by_[record]; }

private:
  void claim(uint32_t scanned, uint32_t record) {
    plan_.present[scanned] = record;
    claimed_by_[record] = scanned;
  }

  uint32_t at_place(uint32_t scanned, bool same_inode) const {
    const auto& found = scan_.entries[scanned];
    const uint32_t parent = plan_.present[found.parent];
    if (parent == tree_plan::none)
      return tree_plan::none;
    const auto& parent_id = present_[parent].id;
    const auto hash = place_hash(parent_id, found.name);
    for (auto i =
             std::lower_bound(by_place_.begin(), by_place_.end(), std::pair{hash, uint32_t{0}});
         i != by_place_.end() && i->first == hash; ++i) {
      const auto& p = present_[i->second];
      if (claimed_by_[i->second] == tree_plan::none && p.parent == parent_id && p.name == found.name
          && p.facts.kind == found.facts.kind
          && (!same_inode || p.facts.inode == found.facts.inode))
        return i->second;
    }
    return tree_plan::none;
  }

  uint32_t with_inode(uint32_t scanned) const {
    const auto& found = scan_.entries[scanned].facts;
    if (found.inode == entry_facts::unknown)
      return tree_plan::none;
    size_t looked_at = 0;
    for (auto i = std::lower_bound(by_inode_.begin(), by_inode_.end(),
                                   std::pair{found.inode, uint32_t{0}});
         i != by_inode_.end() && i->first == found.inode && looked_at < inode_candidates_max;
         ++i, ++looked_at) {
      const auto& p = present_[i->second].facts;
      // File systems give a deleted file's inode to the next new one: another birth is another
      // file.
      const bool same_birth = p.created_at == found.created_at
                              || p.created_at == entry_facts::unknown
                              || found.created_at == entry_facts::unknown;
      if (claimed_by_[i->second] == tree_plan::none && p.kind == found.kind && same_birth)
        return i->second;
    }
    return tree_plan::none;
  }

  const scanned_tree& scan_;
  const std::vector<present_entry>& present_;
  tree_plan& plan_;
  std::vector<uint32_t> claimed_by_;
  std::vector<std::pair<uint64_t, uint32_t>> by_place_;
  std::vector<std::pair<int64_t, uint32_t>> by_inode_;
};

/// Decides about the records that no scanned entry claimed.
class vanishing {
public:
  vanishing(const scanned_tree& scan, const std::vector<present_entry>& present,
            const matching& matched, tree_plan& plan)
      : scan_(scan), present_(present), matched_(matched), plan_(plan),
        fates_(present.size(), fate::open) {
    by_id_.reserve(present.size());
    for (uint32_t i = 0; i < present.size(); ++i)
      by_id_.emplace_back(present[i].id, i);
    std::sort(by_id_.begin(), by_id_.end());
  }

  void run() {
    for (uint32_t i = 0; i < present_.size(); ++i)
      if (matched_.claimed_by(i) == tree_plan::none)
        decide(i);
  }

private:
  enum class fate : uint8_t { open, deciding, gone, kept };

  uint32_t parent_of(uint32_t record) const {
    const auto& parent = present_[record].parent;
    const auto found =
        std::lower_bound(by_id_.begin(), by_id_.end(), std::pair{parent, uint32_t{0}});
    return found != by_id_.end() && found->first == parent ? found->second : tree_plan::none;
  }

  /// Climbs to the first ancestor whose fate is known, then settles all it passed.
  void decide(uint32_t record) {
    std::vector<uint32_t> climbed;
    fate known = fate::open;
    uint32_t at = record;
    while (known == fate::open) {
      if (at == tree_plan::none
          || fates_[at] == fate::deciding) { // no parent, or records that name each other
        known = fate::gone;
        topmost(climbed.back());
      } else if (fates_[at] != fate::open) {
        known = fates_[at];
      } else if (const uint32_t by = matched_.claimed_by(at); by != tree_plan::none) {
        known = scan_.entries[by].unreadable ? fate::kept : fate::gone;
        if (known == fate::gone)
          topmost(climbed.back());
      } else {
        fates_[at] = fate::deciding;
        climbed.push_back(at);
        at = parent_of(at);
      }
    }
    for (const uint32_t i : climbed)
      fates_[i] = known;
    if (known == fate::gone)
      plan_.removed += climbed.size();
  }

  void topmost(uint32_t record) { plan_.removals.push_back(present_[record].id); }

  const scanned_tree& scan_;
  const std::vector<present_entry>& present_;
  const matching& matched_;
  tree_plan& plan_;
  std::vector<fate> fates_;
  std::vector<std::pair<record_id, uint32_t>> by_id_;
};

record_id parent_id(const scanned_tree& scan, const tree_plan& plan, uint32_t index) {
  const uint32_t parent = scan.entries[index].parent;
  return parent == scanned_entry::no_parent ? record_id{} : plan.ids[parent];
}

json number_or_null(int64_t value) {
  return value == entry_facts::unknown ? json(nullptr) : json(value);
}

} // namespace

std::optional<present_entry> read_entry(const json& record, const record_id& location) {
  const auto deleted = record.find("deleted");
  if (deleted != record.end() && deleted->is_boolean() && deleted->get<bool>())
    return std::nullopt;
  const auto found = record.find("fields");
  if (found == record.end() || parse_id<record_id>(string_at(*found, "location_id")) != location)
    return std::nullopt;
  const json& fields = *found;
  const auto id = parse_id<record_id>(string_at(record, "id"));
  const std::string kind = string_at(fields, "kind");
  const auto* known = std::find_if(std::begin(all_kinds), std::end(all_kinds),
                                   [&](entry_kind k) { return to_string(k) == kind; });
  if (!id || known == std::end(all_kinds))
    return std::nullopt;
  present_entry out;
  out.id = *id;
  out.parent = parse_id<record_id>(string_at(fields, "parent_id")).value_or(record_id{});
  out.name = string_at(fields, "name");
  out.facts.kind = *known;
  out.facts.permissions = parse_permissions(string_at(fields, "permissions"));
  out.facts.size = integer_at(fields, "size", entry_facts::unknown);
  out.facts.modified_at = integer_at(fields, "modified_at", entry_facts::unknown);
  out.facts.created_at = integer_at(fields, "created_at", entry_facts::unknown);
  out.facts.inode = integer_at(fields, "inode", entry_facts::unknown);
  out.facts.child_count = integer_at(fields, "child_count", entry_facts::unknown);
  std::string buffer;
  out.extension_right = string_at(fields, "extension") == extension_for(*known, out.name, buffer);
  return out;
}

tree_plan make_plan(const scanned_tree& scan, const std::vector<present_entry>& present,
                    const record_id& root, const std::function<record_id()>& fresh_id) {
  tree_plan plan;
  matching matched(scan, present, plan);
  matched.run(root);
  plan.ids.reserve(scan.entries.size());
  for (uint32_t i = 0; i < scan.entries.size(); ++i) {
    const uint32_t record = plan.present[i];
    plan.ids.push_back(record == tree_plan::none ? fresh_id() : present[record].id);
    if (record == tree_plan::none) {
      ++plan.added;
      plan.writes.push_back(i);
      continue;
    }
    const auto& found = scan.entries[i];
    const auto& stands = present[record];
    const bool moved = stands.name != found.name || stands.parent != parent_id(scan, plan, i);
    const bool changed =
        !stands.extension_right || stands.facts != facts_to_be(found, stands.facts);
    if (moved)
      ++plan.moved;
    else if (changed)
      ++plan.changed;
    if (moved || changed)
      plan.writes.push_back(i);
  }
  vanishing(scan, present, matched, plan).run();
  return plan;
}

json entry_op(const scanned_tree& scan, const std::vector<present_entry>& present,
              const tree_plan& plan, uint32_t index, const record_id& location) {
  const auto& found = scan.entries[index];
  const bool fresh = plan.present[index] == tree_plan::none;
  const present_entry before = fresh ? present_entry{} : present[plan.present[index]];
  const entry_facts facts = fresh ? found.facts : facts_to_be(found, before.facts);
  json fields = json::object();
  if (fresh || before.name != found.name)
    fields["name"] = found.name;
  if (fresh) {
    fields["kind"] = to_string(facts.kind);
    fields["location_id"] = to_string(location);
  }
  if (fresh || before.name != found.name || !before.extension_right) {
    std::string extension;
    if (!extension_for(facts.kind, found.name, extension).empty())
      fields["extension"] = extension;
    else if (!fresh)
      fields["extension"] = nullptr;
  }
  const record_id parent = parent_id(scan, plan, index);
  if (before.parent != parent)
    fields["parent_id"] = parent.is_nil() ? json(nullptr) : json(to_string(parent));
  if (before.facts.permissions != facts.permissions)
    fields["permissions"] = facts.permissions == entry_facts::no_permissions
                                ? json(nullptr)
                                : json(permissions_text(facts.permissions));
  const auto number = [&fields](const char* name, int64_t was, int64_t is) {
    if (was != is)
      fields[name] = number_or_null(is);
  };
  number("size", before.facts.size, facts.size);
  number("modified_at", before.facts.modified_at, facts.modified_at);
  number("created_at", before.facts.created_at, facts.created_at);
  number("inode", before.facts.inode, facts.inode);
  number("child_count", before.facts.child_count, facts.child_count);
  return {{"model", "entry"}, {"id", to_string(plan.ids[index])}, {"fields", std::move(fields)}};
}

record_id random_record_id() {
  record_id id;
  if (getrandom(id.bytes.data(), id.bytes.size(), 0) != static_cast<ssize_t>(id.bytes.size()))
    std::abort(); // 16 bytes are never cut short; a guessable id would be worse than no id
  id.bytes[6] = static_cast<uint8_t>((id.bytes[6] & 0x0F) | 0x40);
  id.bytes[8] = static_cast<uint8_t>((id.bytes[8] & 0x3F) | 0x80);
  return id;
}

} // namespace shoal::cli
