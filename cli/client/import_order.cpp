#include "cli/client/import_order.hpp"

#include "messages/frontier.hpp"
#include "messages/ids.hpp"

#include <algorithm>
#include <deque>
#include <string>

namespace shoal::cli {

namespace {

void sort_unique(std::vector<uint64_t>& keys) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
}

} // namespace

uint64_t record_key(std::string_view model, std::string_view id) {
  std::string name(model);
  name += '\0';
  if (const auto bytes = parse_uuid(id)) // however its digits are written
    name.append(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  else
    name += id;
  return std::max<uint64_t>(fnv1a(name), 1);
}

void import_order::survey(const line_keys& keys) {
  if (keys.record != 0)
    lines_.push_back(keys.record);
  if (keys.record != 0 && keys.writes)
    written_.push_back(keys.record);
  parents_.insert(parents_.end(), keys.parents.begin(), keys.parents.end());
}

void import_order::end_survey() {
  std::sort(lines_.begin(), lines_.end());
  for (size_t i = 1; i < lines_.size(); ++i)
    if (lines_[i] == lines_[i - 1])
      repeated_.insert(lines_[i]);
  sort_unique(parents_);
  sort_unique(written_);
  std::vector<uint64_t> both;
  std::set_intersection(parents_.begin(), parents_.end(), written_.begin(), written_.end(),
                        std::back_inserter(both));
  unsent_.insert(both.begin(), both.end());
  lines_ = written_ = parents_ = {};
}

void import_order::take(const line_place& at, const line_keys& keys, std::vector<line_place>& now) {
  held_line line;
  line.at = at;
  line.record = keys.record;
  line.writes = keys.writes;
  for (const auto parent : keys.parents) {
    if (!unsent_.contains(parent) || parent == keys.record)
      continue;
    if (line.parent == 0) {
      line.parent = parent;
      continue;
    }
    if (!line.more_parents)
      line.more_parents = std::make_unique<std::vector<uint64_t>>();
    line.more_parents->push_back(parent);
  }
  if (!hold(line))
    release(std::move(line), now);
}

uint64_t import_order::missing_parent(const held_line& line) const {
  if (line.parent != 0 && unsent_.contains(line.parent))
    return line.parent;
  if (line.more_parents)
    for (const auto parent : *line.more_parents)
      if (unsent_.contains(parent))
        return parent;
  return 0;
}

bool import_order::hold(held_line& line) {
  const auto before = blocked_.find(line.record);
  const auto parent = before != blocked_.end() ? before->second : missing_parent(line);
  if (parent == 0)
    return false;
  if (repeated_.contains(line.record))
    blocked_[line.record] = parent;
  waiting_[parent].push_back(std::move(line));
  return true;
}

void import_order::release(held_line line, std::vector<line_place>& now) {
  std::deque<held_line> ready;
  ready.push_back(std::move(line));
  while (!ready.empty()) {
    const auto done = std::move(ready.front());
    ready.pop_front();
    now.push_back(done.at);
    if (!done.writes || unsent_.erase(done.record) == 0)
      continue;
    auto waiters = waiting_.extract(done.record);
    if (waiters.empty())
      continue;
    for (auto& waiter : waiters.mapped())
      if (const auto it = blocked_.find(waiter.record);
          it != blocked_.end() && it->second == done.record)
        blocked_.erase(it);
    for (auto& waiter : waiters.mapped())
      if (!hold(waiter))
        ready.push_back(std::move(waiter));
  }
}

std::vector<line_place> import_order::rest() const {
  std::vector<line_place> out;
  for (const auto& [parent, lines] : waiting_)
    for (const auto& line : lines)
      out.push_back(line.at);
  std::sort(out.begin(), out.end(),
            [](const line_place& a, const line_place& b) { return a.number < b.number; });
  return out;
}

} // namespace shoal::cli
