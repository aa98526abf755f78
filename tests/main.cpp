// The one main of every test executable. Random tests take their seed from SHOAL_SEED and print it.
#define BOOST_TEST_MODULE shoal
#include <boost/test/included/unit_test.hpp>
