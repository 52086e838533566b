#define BOOST_TEST_MODULE holdfast_loopback
#include <boost/test/unit_test.hpp>
