#include "store/rocks_memtable.hpp"

#include <rocksdb/memtablerep.h>

#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

namespace shoal {

namespace {

using rocksdb::Slice;

/// An internal key of RocksDB: the user's, then a number that is higher for what is newer.
struct internal_key {
  const char* bytes;
  size_t size;
  uint64_t tag;
};

uint64_t load_little(const char* at) {
  uint64_t v;
  std::memcpy(&v, at, sizeof v);
  if constexpr (std::endian::native == std::endian::big)
    v = __builtin_bswap64(v);
  return v;
}

uint64_t load_big(const char* at) { return __builtin_bswap64(load_little(at)); }

internal_key split(const char* bytes, size_t size) {
  assert(size >= sizeof(uint64_t));
  size -= sizeof(uint64_t);
  return {bytes, size, load_little(bytes + size)};
}

internal_key key_of(const Slice& key) { return split(key.data(), key.size()); }

/// The key of a memtable's entry, before which stands its size: a varint (MemTable::Add).
internal_key key_of_entry(const char* entry) {
  uint32_t size = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(*entry++);
    size |= static_cast<uint32_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      return split(entry, size);
  }
}

/// Below 0 if `a` comes first: by the user's bytes, then the newer one.
int compare(const internal_key& a, const internal_key& b) {
  const size_t both = a.size < b.size ? a.size : b.size;
  size_t i = 0;
  for (; i + sizeof(uint64_t) <= both; i += sizeof(uint64_t)) {
    const auto x = load_big(a.bytes + i);
    const auto y = load_big(b.bytes + i);
    if (x != y)
      return x < y ? -1 : 1;
  }
  if (i < both)
    if (const int rest = std::memcmp(a.bytes + i, b.bytes + i, both - i); rest != 0)
      return rest;
  if (a.size != b.size)
    return a.size < b.size ? -1 : 1;
  const auto x = a.tag >> 8; // what was done is no part of the order
  const auto y = b.tag >> 8;
  return x > y ? -1 : x < y ? 1 : 0;
}

/// A node is the link of its lowest level; its entry stands behind, the links of higher levels
/// before it. All of it is memory of the table's arena.
class node {
public:
  node* next(int level) const { return link(level).load(std::memory_order_acquire); }
  /// What the writer itself wrote.
  node* next_of_writer(int level) const { return link(level).load(std::memory_order_relaxed); }
  void point(int level, node* to) { link(level).store(to, std::memory_order_relaxed); }
  void publish(int level, node* to) { link(level).store(to, std::memory_order_release); }
  const char* entry() const { return reinterpret_cast<const char*>(this + 1); }
  char* entry() { return reinterpret_cast<char*>(this + 1); }
  internal_key key() const { return key_of_entry(entry()); }

private:
  using atomic_link = std::atomic<node*>;
  const atomic_link& link(int level) const {
    return *(reinterpret_cast<const atomic_link*>(this) - level);
  }
  atomic_link& link(int level) { return *(reinterpret_cast<atomic_link*>(this) - level); }
  atomic_link lowest_;
};
static_assert(sizeof(node) == sizeof(void*));

/// A skip list (Pugh, "Skip Lists: A Probabilistic Alternative to Balanced Trees", 1990), searched
/// from where the last row went (a finger, section 3.1 of his "A Skip List Cookbook"): a commit's
/// rows ascend, so most are a few steps from the one before.
class skip_list final : public rocksdb::MemTableRep {
public:
  explicit skip_list(rocksdb::Allocator* memory)
      : MemTableRep(memory), head_(make_node(levels_max, 0)) {
    for (int level = 0; level < levels_max; ++level)
      head_->point(level, nullptr);
    begin_anew();
  }

  rocksdb::KeyHandle Allocate(const size_t size, char** into) override {
    int levels = 1;
    while (levels < levels_max && (random() & 3) == 0)
      ++levels;
    node* made = make_node(levels, size);
    next_levels_ = levels;
    *into = made->entry();
    return made;
  }

  void Insert(rocksdb::KeyHandle made) override {
    [[maybe_unused]] const bool fresh = InsertKey(made);
    assert(fresh);
  }

  /// Of what Allocate gave last.
  bool InsertKey(rocksdb::KeyHandle made) override {
    auto* added = static_cast<node*>(made);
    if (!move_finger(added->key())) {
      begin_anew(); // it may have been half way
      return false;
    }
    const int levels = next_levels_;
    if (const int height = height_.load(std::memory_order_relaxed); levels > height)
      height_.store(levels, std::memory_order_relaxed); // before_ and after_ are head and end there
    for (int level = 0; level < levels; ++level) {
      const auto at = static_cast<size_t>(level);
      added->point(level, after_[at]);
      before_[at]->publish(level, added);
      before_[at] = added;
    }
    return true;
  }

  bool Contains(const char* entry) const override {
    const auto key = key_of_entry(entry);
    const node* found = at_or_after(key);
    return found && compare(found->key(), key) == 0;
  }

  size_t ApproximateMemoryUsage() override { return 0; } // beyond the arena's

  Iterator* GetIterator(rocksdb::Arena* arena) override;
  Iterator* GetDynamicPrefixIterator(rocksdb::Arena* arena) override;

  /// The first node of this key or a later one; null if there is none.
  const node* at_or_after(const internal_key& key) const {
    const node* before = head_;
    const node* after = nullptr;
    for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
      const node* next = before->next(level);
      while (next != after && compare(next->key(), key) < 0) {
        before = next;
        next = before->next(level);
      }
      after = next;
    }
    return after;
  }

  /// The last node of an earlier key; null if there is none.
  const node* before(const internal_key& key) const {
    return last([&](const node* n) { return compare(n->key(), key) < 0; });
  }

  const node* first() const { return head_->next(0); }
  const node* last() const {
    return last([](const node*) { return true; });
  }

private:
  static constexpr int levels_max = 12; // 4^12 rows: more than a memtable holds

  /// The last node of those at the front for which `is_before` holds.
  template <class Before>
  const node* last(Before is_before) const {
    const node* before = head_;
    for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level)
      for (const node* next = before->next(level); next && is_before(next);
           next = before->next(level))
        before = next;
    return before == head_ ? nullptr : before;
  }

  node* make_node(int levels, size_t entry_bytes) {
    const size_t above = static_cast<size_t>(levels - 1) * sizeof(node);
    char* memory = nullptr;
    MemTableRep::Allocate(above + sizeof(node) + entry_bytes + alignof(node) - 1, &memory);
    auto address = reinterpret_cast<uintptr_t>(memory) + above;
    address = (address + alignof(node) - 1) & ~uintptr_t{alignof(node) - 1};
    return reinterpret_cast<node*>(address);
  }

  void begin_anew() {
    before_.fill(head_);
    for (size_t level = 0; level < after_.size(); ++level)
      after_[level] = head_->next_of_writer(static_cast<int>(level));
  }

  /// Puts before_ and after_ around `key` on all levels. False if it is here.
  bool move_finger(const internal_key& key) {
    const auto height = static_cast<size_t>(height_.load(std::memory_order_relaxed));
    size_t level = 0;      // the lowest between whose nodes it belongs
    node* ahead = nullptr; // the last one known to be before it, if the finger was; on level - 1
    while (level < height) {
      if (node* next = after_[level]) {
        const int order = compare(next->key(), key);
        if (order == 0)
          return false;
        if (order < 0) {
          ahead = next;
          while (level < height && after_[level] == next)
            ++level;
          continue;
        }
      }
      const node* before = before_[level];
      if (before == head_)
        break;
      const int order = compare(before->key(), key);
      if (order == 0)
        return false;
      if (order < 0)
        break;
      while (level < height && before_[level] == before)
        ++level;
    }
    while (level > 0) {
      node* before = ahead            ? std::exchange(ahead, nullptr)
                     : level < height ? before_[level]
                                      : head_;
      const node* after = level < height ? after_[level] : nullptr;
      --level;
      node* next = before->next_of_writer(static_cast<int>(level));
      if (level > 0) // where this level ends the search, that is needed next
        __builtin_prefetch(before->next_of_writer(static_cast<int>(level - 1)));
      while (next != after) {
        const int order = compare(next->key(), key);
        if (order == 0)
          return false;
        if (order > 0)
          break;
        before = next;
        next = before->next_of_writer(static_cast<int>(level));
      }
      before_[level] = before;
      after_[level] = next;
    }
    return true;
  }

  uint64_t random() { // xorshift64 (Marsaglia, "Xorshift RNGs", 2003)
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_ >> 32;
  }

  node* const head_;
  std::atomic<int> height_{1};
  // The writer's own.
  std::array<node*, levels_max> before_;
  std::array<node*, levels_max> after_;
  int next_levels_ = 1;
  uint64_t random_ = 0x9e3779b97f4a7c15;
};

/// Memory of iterators that have ended in this thread. RocksDB ends most without freeing them, for
/// they belong into an arena of its own, which is not open to others.
struct iterator_memory {
  static void* take(size_t bytes) {
    return mine.count > 0 ? mine.free[--mine.count] : ::operator new(bytes);
  }
  /// `ended` is not read any more once this thread takes memory again.
  static void give(void* ended) {
    if (mine.at_end) // one is left over
      return ::operator delete(std::exchange(mine.late, ended));
    end.watch();
    if (mine.count == mine.free.size()) // the first ended long ago
      ::operator delete(std::exchange(mine.free.front(), ended));
    else
      mine.free[mine.count++] = ended;
  }

private:
  /// Never destroyed itself: iterators may end after the thread's other variables.
  struct slots {
    std::array<void*, 32> free;
    size_t count;
    bool at_end;
    void* late;
  };
  static thread_local constinit slots mine;
  struct thread_end {
    ~thread_end() {
      mine.at_end = true;
      while (mine.count > 0)
        ::operator delete(mine.free[--mine.count]);
    }
    void watch() {} // that it is made, and so destroyed with the thread
  };
  static thread_local thread_end end;
};
thread_local constinit iterator_memory::slots iterator_memory::mine{};
thread_local iterator_memory::thread_end iterator_memory::end;

class cursor : public rocksdb::MemTableRep::Iterator {
public:
  explicit cursor(const skip_list& of) : of_(&of) {}
  bool Valid() const override { return at_ != nullptr; }
  const char* key() const override { return at_->entry(); }
  void Next() override {
    at_ = at_->next(0);
    if (at_) // rows lie as they came, and whoever asks for the next one reads them all
      __builtin_prefetch(at_->next(0));
  }
  void Prev() override { at_ = of_->before(at_->key()); }
  void Seek(const Slice& key, const char*) override { at_ = of_->at_or_after(key_of(key)); }
  void SeekForPrev(const Slice& key, const char*) override {
    const auto wanted = key_of(key);
    at_ = of_->at_or_after(wanted);
    if (!at_ || compare(at_->key(), wanted) != 0)
      at_ = of_->before(wanted);
  }
  void SeekToFirst() override { at_ = of_->first(); }
  void SeekToLast() override { at_ = of_->last(); }

protected:
  const skip_list* of_;
  const node* at_ = nullptr;
};

/// One that gives its memory back when it ends, whether it is deleted or only destroyed.
class pooled_cursor final : public cursor {
public:
  using cursor::cursor;
  ~pooled_cursor() override { iterator_memory::give(this); }
  static void* operator new(size_t bytes) { return iterator_memory::take(bytes); }
  static void operator delete(void*) {} // the destructor did it
};

/// MemTableRep::Get asks for one at each look-up and never ends it, so a thread has one for all.
class lookup_cursor final : public cursor {
public:
  using cursor::cursor;
  void look_into(const skip_list& table) {
    of_ = &table;
    at_ = nullptr;
  }
  /// It is the thread's, and stays.
  static void operator delete(lookup_cursor*, std::destroying_delete_t) {}
};

skip_list::Iterator* skip_list::GetIterator(rocksdb::Arena*) { return new pooled_cursor(*this); }

skip_list::Iterator* skip_list::GetDynamicPrefixIterator(rocksdb::Arena* arena) {
  if (arena) // a scan's
    return GetIterator(arena);
  thread_local lookup_cursor mine{*this};
  mine.look_into(*this);
  return &mine;
}

class factory final : public rocksdb::MemTableRepFactory {
public:
  const char* Name() const override { return "shoal.byte_ordered_memtables"; }
  using MemTableRepFactory::CreateMemTableRep;
  rocksdb::MemTableRep* CreateMemTableRep(const rocksdb::MemTableRep::KeyComparator&,
                                          rocksdb::Allocator* memory,
                                          const rocksdb::SliceTransform*,
                                          rocksdb::Logger*) override {
    return new skip_list(memory);
  }
  bool CanHandleDuplicatedKey() const override { return true; }
};

} // namespace

std::shared_ptr<rocksdb::MemTableRepFactory> byte_ordered_memtables() {
  static const auto all = std::make_shared<factory>();
  return all;
}

} // namespace shoal
