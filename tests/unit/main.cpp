#define BOOST_TEST_MODULE holdfast_unit
#include <boost/test/unit_test.hpp>
