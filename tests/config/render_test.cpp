#include "fixture.hpp"

#include "config/keys.hpp"

#include <iostream>
#include <random>

namespace shoal::config {

BOOST_AUTO_TEST_SUITE(rendering)

BOOST_FIXTURE_TEST_CASE(the_default_file_loads_and_says_every_key_with_its_default, folder) {
  const std::string text = render_default();
  const auto given = effective(good(text));
  const auto plain = effective(good(""));
  BOOST_REQUIRE(given.size() == plain.size());
  for (size_t n = 0; n < given.size(); ++n) {
    BOOST_TEST(given[n].value == plain[n].value);
    BOOST_TEST(plain[n].source == "default");
    BOOST_TEST(given[n].source != "default", given[n].name << " is missing from the default file");
  }
  for (const key* k : all_keys())
    BOOST_TEST(text.find(std::string(k->name) + " = ") != std::string::npos, full_name(*k));
}

BOOST_FIXTURE_TEST_CASE(what_show_prints_loads_to_the_same_options, folder) {
  const std::string text =
      "[node]\nname = \"a \\\"b\\\" \\\\ c\"\nlisten = \"[::1]:0\"\n[sync]\npreset = \"mobile\"\n"
      "[[library]]\nid = \"0b7d2c9e-8f5a-4a51-9a3c-6d1e0c5b7f42\"\nname = \"x\"\nsync = false\n"
      "[[library.member]]\ndevice = \"9f1c4e0a-52c7-8d3b-a1f6-7be02d94c318\"\naddress = \"a:1\"\n"
      "[[library.member]]\ndevice = \"9f1c4e0a-52c7-8d3b-a1f6-7be02d94c319\"\n"
      "[[library]]\nid = \"1b7d2c9e-8f5a-4a51-9a3c-6d1e0c5b7f42\"\nname = \"y\"\n";
  const auto before = effective(good(text, {{"SHOAL__LOG__FORMAT", "json"}}));
  const std::string shown = show(good(text, {{"SHOAL__LOG__FORMAT", "json"}}));
  const auto after = effective(good(shown));
  BOOST_REQUIRE(before.size() == after.size());
  for (size_t n = 0; n < before.size(); ++n) {
    BOOST_TEST(before[n].name == after[n].name);
    BOOST_TEST(before[n].value == after[n].value);
  }
  BOOST_TEST(shown.find("# preset mobile") != std::string::npos);
  BOOST_TEST(shown.find("# SHOAL__LOG__FORMAT") != std::string::npos);
  BOOST_TEST(shown.find("shoal.toml:2") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_damaged_file_loads_or_is_refused_in_one_line, folder) {
  const char* given = getenv("SHOAL_SEED");
  const uint64_t seed = given != nullptr ? strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "SHOAL_SEED=" << seed << "\n";
  BOOST_TEST_CONTEXT("seed " << seed) {
    std::mt19937_64 random(seed);
    const std::string whole =
        show(good("[[library]]\nid = \"0b7d2c9e-8f5a-4a51-9a3c-6d1e0c5b7f42\"\nname = \"x\"\n"));
    const std::string_view marks = "[]{}=.,#\"'\n\\"; // what means something to TOML
    size_t refused = 0;
    for (int round = 0; round < 300; ++round) {
      std::string text = whole;
      for (uint64_t cuts = random() % 4; cuts > 0; --cuts)
        text[random() % text.size()] =
            random() % 2 == 0 ? marks[random() % marks.size()] : static_cast<char>(random());
      if (random() % 4 == 0)
        text.resize(random() % text.size());
      const auto got = load_text(text);
      if (got)
        continue;
      ++refused;
      BOOST_REQUIRE((got.err().code == ec::config));
      for (const char c : got.err().message)
        BOOST_REQUIRE((c < 0 || c >= 0x20));
    }
    BOOST_TEST(refused > 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::config
