#include "messages/frontier.hpp"

#include <algorithm>
#include <array>

namespace shoal {

uint64_t seq_of(const frontier& f, const stream_id& s) {
  const auto it = f.find(s);
  return it == f.end() ? 0 : it->second;
}

void merge(frontier& into, const frontier& other) {
  std::vector<frontier::value_type> absent;
  const bool few = other.size() < into.size() / 16; // are looked up, one by one
  auto mine = into.begin();
  for (const auto& theirs : other) {
    // Counts as absent; an entry would only make equal frontiers look unequal.
    if (theirs.second == 0)
      continue;
    if (few)
      mine = into.lower_bound(theirs.first);
    else if (mine != into.end() && mine->first != theirs.first)
      while (mine != into.end() && mine->first < theirs.first)
        ++mine;
    if (mine != into.end() && mine->first == theirs.first) {
      mine->second = std::max(mine->second, theirs.second);
      ++mine;
    } else {
      absent.push_back(theirs);
    }
  }
  into.insert(boost::container::ordered_unique_range, absent.begin(), absent.end());
}

void drop_absent(frontier& f) {
  f.erase(std::remove_if(f.begin(), f.end(), [](const auto& entry) { return entry.second == 0; }),
          f.end());
}

bool covers(const frontier& a, const frontier& b) {
  frontier_walk mine(a);
  return std::all_of(b.begin(), b.end(),
                     [&](const auto& entry) { return entry.second <= mine.seq_of(entry.first); });
}

frontier minimum(frontier a, const frontier& b) {
  frontier_walk other(b);
  auto kept = a.begin();
  for (auto it = a.begin(); it != a.end(); ++it) {
    if (const auto least = std::min(it->second, other.seq_of(it->first)); least != 0) {
      kept->first = it->first;
      kept->second = least;
      ++kept;
    }
  }
  a.erase(kept, a.end());
  return a;
}

template <class Sink>
static void encode_entry(basic_writer<Sink>& out, const stream_id& stream, uint64_t seq) {
  out.array(3);
  out.bin(stream.origin.view());
  out.uint(stream.epoch);
  out.uint(seq);
}

void encode(writer& out, const frontier& f) {
  out.array(f.size());
  for (const auto& [stream, seq] : f)
    encode_entry(out, stream, seq);
}

frontier read_frontier(reader& in) {
  frontier f;
  const size_t n = in.array(wire_limits::streams, "frontier");
  for (size_t i = 0; i < n && !in.failed(); ++i) {
    if (in.array(3, "frontier entry") != 3)
      in.fail(ec::bad_value, "frontier entry");
    stream_id s;
    s.origin = in.id<device_id>("frontier origin");
    s.epoch = in.uint("frontier epoch");
    const auto seq = in.uint("frontier seq");
    in.charge(sizeof(frontier::value_type) + map_node_bytes, "frontier");
    if (in.failed())
      break;
    if (!f.empty() && s <= f.rbegin()->first)
      in.fail(ec::duplicate_key, "frontier");
    else
      f.emplace_hint(f.end(), s, seq);
  }
  return f;
}

/// Those of `f` that a fold takes.
static frontier ended_before(const frontier& f, const device_id& origin, uint64_t before) {
  return {f.lower_bound({origin, 0}), f.lower_bound({origin, before})};
}

folded_frontier fold(const frontier& f, const std::map<device_id, uint64_t>& before) {
  folded_frontier out{f, {}};
  for (const auto& [origin, epoch] : before) {
    const auto begin = out.open.lower_bound({origin, 0});
    const auto end = out.open.lower_bound({origin, epoch});
    if (end - begin < 2) // one costs as much in full
      continue;
    const frontier ended(begin, end);
    out.open.erase(begin, end);
    out.ended[origin] = {epoch, ended.size(), hash_of(ended)};
  }
  return out;
}

unfolded unfold(const folded_frontier& f, const frontier& held) {
  unfolded out{f.open, true};
  for (const auto& [origin, e] : f.ended) {
    auto here = ended_before(held, origin, e.before);
    if (here.size() == e.count && hash_of(here) == e.hash)
      out.held.merge(here);
    else
      out.whole = false;
  }
  return out;
}

void encode(writer& out, const folded_frontier& f) {
  out.array(f.open.size() + f.ended.size());
  auto ended = f.ended.begin();
  const auto write_ended = [&] {
    out.array(4);
    out.bin(ended->first.view());
    out.uint(ended->second.before);
    out.uint(ended->second.count);
    out.uint(ended->second.hash);
    ++ended;
  };
  for (const auto& [stream, seq] : f.open) {
    while (ended != f.ended.end() && !(stream.origin < ended->first))
      write_ended();
    encode_entry(out, stream, seq);
  }
  while (ended != f.ended.end())
    write_ended();
}

folded_frontier read_folded_frontier(reader& in) {
  folded_frontier f;
  const size_t n = in.array(wire_limits::streams, "frontier");
  stream_id last;
  for (size_t i = 0; i < n && !in.failed(); ++i) {
    const size_t items = in.array(4, "frontier entry");
    if (items != 3 && items != 4)
      in.fail(ec::bad_value, "frontier entry");
    stream_id s;
    s.origin = in.id<device_id>("frontier origin");
    s.epoch = in.uint("frontier epoch");
    ended_epochs e{s.epoch, in.uint("frontier seq"), 0};
    if (items == 4)
      e.hash = in.uint("frontier hash");
    in.charge(sizeof(s) + sizeof(e) + map_node_bytes, "frontier");
    if (in.failed())
      break;
    // Ascending; the first epoch that stays open may be named by the fold before it.
    const bool after_fold = items == 3 && s == last && f.ended.contains(s.origin);
    if (i > 0 && s <= last && !(after_fold && !f.open.contains(s)))
      in.fail(ec::duplicate_key, "frontier");
    else if (items == 3)
      f.open.emplace_hint(f.open.end(), s, e.count);
    else if (i > 0 && last.origin == s.origin)
      in.fail(ec::bad_value, "frontier fold");
    else
      f.ended.emplace(s.origin, e);
    last = s;
  }
  return f;
}

static constexpr char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static constexpr auto base64_values = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (int i = 0; i < 64; ++i)
    values[static_cast<uint8_t>(base64[i])] = static_cast<int8_t>(i);
  return values;
}();

std::string to_token(const folded_frontier& f, uint64_t purges) {
  std::string raw;
  writer w(raw);
  encode(w, f);
  if (purges != 0)
    w.uint(purges);
  std::string out = "t";
  uint32_t bits = 0;
  int count = 0;
  for (char c : raw) {
    bits = (bits << 8) | static_cast<uint8_t>(c);
    for (count += 8; count >= 6; count -= 6)
      out += base64[(bits >> (count - 6)) & 63];
  }
  if (count > 0)
    out += base64[(bits << (6 - count)) & 63];
  return out;
}

result<token_contents> parse_token(std::string_view token) {
  // The text came from outside and may go into a reply: printable ASCII only.
  const auto bad = [&]() -> error {
    std::string shown(token.substr(0, 64));
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return {ec::bad_request, "not a token that this program gave out: " + shown};
  };
  if (token.empty() || token[0] != 't')
    return bad();
  std::string raw;
  raw.reserve(token.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (char c : token.substr(1)) {
    const int8_t six = base64_values[static_cast<uint8_t>(c)];
    if (six < 0)
      return bad();
    bits = (bits << 6) | static_cast<uint32_t>(six);
    count += 6;
    if (count >= 8) {
      count -= 8;
      raw += static_cast<char>((bits >> count) & 255);
    }
  }
  // What is left over pads the last byte: less than a character, and zero, so that a frontier has
  // one token.
  if (count >= 6 || (bits & ((1U << count) - 1)) != 0)
    return bad();
  reader in(raw);
  token_contents out{read_folded_frontier(in)};
  if (!in.failed() && !in.at_end()) {
    out.purges = in.uint("purges");
    if (out.purges == 0) // not said: so that what is told has one token
      return bad();
  }
  in.finish("token");
  if (in.failed())
    return bad();
  return out;
}

constexpr uint64_t fnv1a_begin = 0xcbf29ce484222325ULL;

static uint64_t fnv1a_on(uint64_t h, std::string_view bytes) {
  for (char c : bytes)
    h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
  return h;
}

uint64_t fnv1a(std::string_view bytes) { return fnv1a_on(fnv1a_begin, bytes); }

/// Item by item: the whole of it is not kept.
uint64_t hash_of(const frontier& f) {
  constexpr size_t item_max = 1 + 2 + sizeof(device_id) + 2 * (1 + sizeof(uint64_t));
  char item[item_max];
  uint64_t h = fnv1a_begin;
  const auto add = [&](const auto& encode_item) {
    basic_writer<memory_sink> w({item});
    encode_item(w);
    h = fnv1a_on(h, {item, static_cast<size_t>(w.sink().at - item)});
  };
  add([&](auto& w) { w.array(f.size()); });
  for (const auto& entry : f)
    add([&](auto& w) { encode_entry(w, entry.first, entry.second); });
  return h;
}

} // namespace shoal
