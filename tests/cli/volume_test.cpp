#include "cli/client/volume.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::cli {

BOOST_AUTO_TEST_SUITE(volumes)

BOOST_AUTO_TEST_CASE(the_longest_mount_point_above_a_folder_holds_it) {
  const char* mounts = "1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                       "2 1 8:2 / /home rw - xfs /dev/sdb1 rw\n"
                       "3 1 8:3 / /home/a\\040b rw master:1 shared:2 - vfat /dev/sdc1 rw\n"
                       "4 1 0:9 / /home rw - tmpfs tmpfs rw\n";
  BOOST_TEST(find_mount(mounts, "/").device == "8:1");
  BOOST_TEST(find_mount(mounts, "/homely").device == "8:1");
  BOOST_TEST(find_mount(mounts, "/home/a").file_system == "tmpfs"); // mounted over the other
  const auto found = find_mount(mounts, "/home/a b/c");
  BOOST_TEST(found.device == "8:3");
  BOOST_TEST(found.mount_point == "/home/a b");
  BOOST_TEST(found.file_system == "vfat");
  BOOST_TEST(found.source == "/dev/sdc1");
  BOOST_TEST(find_mount("nonsense\n", "/x").mount_point == "");
}

BOOST_AUTO_TEST_CASE(this_machines_volume_is_the_same_each_time) {
  const auto one = volume_of("/tmp");
  const auto two = volume_of("/tmp");
  BOOST_REQUIRE(one.ok());
  BOOST_TEST(one->fingerprint == two->fingerprint);
  BOOST_TEST(one->fingerprint.size() > 5U);
  BOOST_TEST(!one->mount_point.empty());
  BOOST_TEST(!one->file_system.empty());
  BOOST_TEST(one->total_capacity >= one->available_capacity);
  BOOST_TEST((volume_of("/nonexistent").err().code == ec::not_found));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli
