// Bits that flip, files that are cut or gone, in a node that is stopped: what is damaged is never
// served, what is missing is said to be, and with a healthy peer all is back.

#include "tests/nodes/batches.hpp"
#include "tests/nodes/proxy.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

namespace shoal::nodes {

namespace {

/// Every damage by its own number, so that any one of them can be made again.
struct damage {
  enum class kind { flip, cut, gone };
  kind what = kind::flip;
  fs::path file; // below data/
  uint64_t at = 0;
  unsigned bit = 0;

  std::string text() const {
    switch (what) {
    case kind::flip:
      return "bit " + std::to_string(bit) + " of byte " + std::to_string(at) + " of "
             + file.string();
    case kind::cut: return file.string() + " cut at " + std::to_string(at);
    case kind::gone: return file.string() + " removed";
    }
    return {};
  }
};

std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    out.insert(line);
  return out;
}

/// Without what nodes say of themselves: a store that is filled anew says it anew.
std::set<std::string> without_devices(std::set<std::string> lines) {
  std::erase_if(lines, [](const std::string& line) {
    return line.find("\"model\":\"device\"") != std::string::npos;
  });
  return lines;
}

/// Two nodes; the first dials the second through a proxy, and is dialled by nobody.
class pair_of_nodes {
public:
  explicit pair_of_nodes(bool clean_stop)
      : lab_(2, by_proxy(wire_)), data_(lab_[0].dir() / "data"), good_(lab_.scratch() / "good") {
    lab_.start();
    auto at = lab_[0].client();
    fill(at, 1);
    stop(true);
    lab_[0].start(); // what was in the log is in table files now
    at = lab_[0].client();
    fill(at, 2);
    auto peer = lab_[1].client();
    fill(peer, 3);
    BOOST_REQUIRE(lab_.converge());
    reach_the_mark(at);
    BOOST_REQUIRE(lab_.converge());
    expected_ = lines_of(lab_.exported(0));
    history_.insert(expected_.begin(), expected_.end());
    stop(clean_stop);
    fs::copy(data_, good_, fs::copy_options::recursive);
    for (const auto& f : fs::recursive_directory_iterator(good_))
      if (f.is_regular_file() && f.file_size() > 0) {
        files_.push_back(fs::relative(f.path(), good_));
        bytes_ += f.file_size();
      }
  }

  damage any(std::mt19937_64& random, damage::kind what) {
    damage d;
    d.what = what;
    if (random() % 2 == 0) { // any file, also the small ones
      d.file = files_[random() % files_.size()];
      d.at = random() % fs::file_size(good_ / d.file);
    } else { // any byte
      d.at = random() % bytes_;
      for (const auto& f : files_) {
        d.file = f;
        const auto size = fs::file_size(good_ / f);
        if (d.at < size)
          break;
        d.at -= size;
      }
    }
    d.bit = static_cast<unsigned>(random() % 8);
    return d;
  }

  enum class seen { nothing, told, refused };
  /// Damages the stopped node, looks at it alone, links it, mends it if it must be, and compares.
  seen suffer(const damage& d) {
    fs::remove_all(data_);
    fs::copy(good_, data_, fs::copy_options::recursive);
    inflict(d);
    wire_->cut();
    lab_[0].start();
    auto found = look(d);
    const auto first = found;
    bool rebuilt = false;
    wire_->mend();
    // A compaction, or a peer that asks for more than clients did, may meet it even now.
    for (int tries = 0; found == seen::refused || !is_whole(d); ++tries) {
      BOOST_REQUIRE_MESSAGE(tries < 15, d.text() << ": not equal and whole within 30 s");
      if (found == seen::refused || read_failed_ || is_failed()) {
        rebuild(d);
        rebuilt = true;
      }
      read_failed_ = false;
      found = seen::nothing;
    }
    lab_[0].kill9();
    return rebuilt ? seen::refused : first;
  }
  size_t files() const { return files_.size(); }
  uint64_t bytes() const { return bytes_; }

private:
  static cluster::options by_proxy(std::unique_ptr<proxy>& wire) {
    cluster::options how;
    how.sync = "dial = \"configured\"\n";
    how.route = [&wire](const node& dialler, const node& dialled) {
      if (dialler.name() != "a")
        return std::string();
      wire = std::make_unique<proxy>(dialled.port());
      return wire->address();
    };
    return how;
  }

  /// All that was ever true, as the export shows it.
  void remember(api& at) { history_.merge(lines_of(at.get(lab_path("/export")).text)); }

  void fill(api& to, uint64_t kind) {
    std::mt19937_64 random(kind);
    std::vector<json> ops;
    for (uint64_t n = 0; n < 60; ++n) {
      auto tag = tag_op(numbered_id(kind, n), "tag");
      tag["fields"]["description"] = noise(random, 200);
      ops.push_back(std::move(tag));
      ops.push_back(entry_op(numbered_id(10 + kind, n), "entry " + noise(random, 100)));
    }
    for (size_t n = 0; n < ops.size(); n += 8) {
      write_batches(to, {ops.begin() + static_cast<ptrdiff_t>(n),
                         ops.begin() + static_cast<ptrdiff_t>(std::min(n + 8, ops.size()))});
      remember(to);
    }
    for (uint64_t n = 0; n < 10; ++n) {
      BOOST_REQUIRE(to.remove(record("tag", numbered_id(kind, n))).ok());
      BOOST_REQUIRE(to.put(record("tag", numbered_id(kind, 20 + n)), {{"color", "red"}}).ok());
      remember(to);
    }
  }

  /// The mark outside of the store lags by up to a second: until it is the newest stamp.
  void reach_the_mark(api& to) {
    const auto mark = data_ / "marks" / lab_.library();
    uint64_t n = 0;
    BOOST_REQUIRE(eventually([&] {
      const auto made = to.put(record("tag", numbered_id(4, 0)),
                               {{"canonical_name", "last"}, {"search_weight", ++n}});
      remember(to);
      return made.ok() && read_file(mark) == made.body["hlc"].get<std::string>() + "\n";
    }));
  }

  void stop(bool clean) {
    if (clean)
      BOOST_REQUIRE((lab_[0].stop() == 0));
    else
      lab_[0].kill9();
  }

  bool is_failed() { return lab_[0].client().get(lab_path()).body["state"] == "failed"; }

  void rebuild(const damage& d) {
    finished done;
    const bool rebuilt = eventually([&] {
      done = lab_[0].cli({"library", "rebuild", "lab"});
      return done.code == 0; // not while it is still being closed
    });
    BOOST_REQUIRE_MESSAGE(rebuilt, d.text() << ": " << done.err);
  }

  /// Both nodes hold the same, all of it; false when that is not so yet, or damage was met.
  bool is_whole(const damage& d) {
    if (!lab_.converge(2s))
      return false;
    const auto here = lab_[0].cli({"export", "lab"});
    read_failed_ = here.code != 0;
    if (read_failed_)
      return false;
    BOOST_REQUIRE_MESSAGE(here.out == lab_.exported(1), d.text() << ": the exports differ");
    BOOST_REQUIRE_MESSAGE(without_devices(lines_of(here.out)) == without_devices(expected_),
                          d.text() << ": not all is back");
    return true;
  }

  void inflict(const damage& d) {
    const auto file = data_ / d.file;
    switch (d.what) {
    case damage::kind::cut: return fs::resize_file(file, d.at);
    case damage::kind::gone: fs::remove(file); return;
    case damage::kind::flip: break;
    }
    std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
    f.seekg(static_cast<std::streamoff>(d.at));
    const int byte = f.get();
    BOOST_REQUIRE(byte >= 0);
    f.seekp(static_cast<std::streamoff>(d.at));
    f.put(static_cast<char>(static_cast<unsigned>(byte) ^ (1U << d.bit)));
    BOOST_REQUIRE(f.good());
  }

  /// While it is alone: nothing but what was written, and if anything lacks, it says so.
  seen look(const damage& d) {
    auto at = lab_[0].client();
    const auto status = at.get(lab_path());
    BOOST_REQUIRE_MESSAGE(status.ok(), d.text() << ": " << status.text);
    if (status.body["state"] == "failed")
      return seen::refused;
    const auto read = at.get(lab_path("/export"));
    const bool whole = read.ok() && lines_of(read.text) == expected_;
    if (read.ok())
      for (const auto& line : lines_of(read.text))
        BOOST_REQUIRE_MESSAGE(history_.contains(line), d.text() << ": a wrong read: " << line);
    if (whole)
      return status.body["restored"].is_string() ? seen::told : seen::nothing;
    if (read.ok()) {
      BOOST_REQUIRE_MESSAGE(status.body["restored"].is_string(),
                            d.text() << ": silently lost acknowledged writes");
      return seen::told;
    }
    return seen::refused; // damage was met in the middle of the read
  }

  std::unique_ptr<proxy> wire_;
  cluster lab_;
  fs::path data_;
  fs::path good_;
  std::set<std::string> expected_;
  std::set<std::string> history_;
  std::vector<fs::path> files_;
  uint64_t bytes_ = 0;
  bool read_failed_ = false;
};

void campaign(bool clean_stop, size_t usual) {
  std::mt19937_64 random(test_seed());
  pair_of_nodes nodes(clean_stop);
  std::map<pair_of_nodes::seen, size_t> seen;
  rounds each("SHOAL_FLIPS", usual);
  while (each.next()) {
    ++seen[nodes.suffer(nodes.any(random, damage::kind::flip))];
    if (each.done() % 5 == 0)
      nodes.suffer(nodes.any(random, damage::kind::cut));
    if (each.done() % 10 == 0)
      nodes.suffer(nodes.any(random, damage::kind::gone));
  }
  BOOST_TEST_MESSAGE(each.done() << " flips in " << nodes.files() << " files of " << nodes.bytes()
                                 << " bytes: " << seen[pair_of_nodes::seen::refused] << " refused, "
                                 << seen[pair_of_nodes::seen::told] << " told, "
                                 << seen[pair_of_nodes::seen::nothing] << " without effect");
}

} // namespace

BOOST_AUTO_TEST_SUITE(flips)

BOOST_AUTO_TEST_CASE(damage_after_a_clean_stop_is_never_served_and_all_comes_back) {
  campaign(true, 15);
}

BOOST_AUTO_TEST_CASE(damage_after_a_kill_is_never_served_and_all_comes_back) {
  campaign(false, 15);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
