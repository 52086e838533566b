#define BOOST_TEST_MODULE holdfast_scenarios
#include <boost/test/unit_test.hpp>
