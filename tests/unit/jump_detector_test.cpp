// What two clocks must show for a suspend to be noticed, and what must not be taken for one.
#include <boost/test/unit_test.hpp>
#include <chrono>

import holdfast.core;

using namespace holdfast;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(jumps)

namespace {

// Both clocks, and a detector that looks at them.
struct machine {
  clock::time_point now{1h};
  std::chrono::system_clock::time_point wall{std::chrono::sys_days{std::chrono::year{2026} / 3 / 29}};
  jump_detector detector{now, wall};

  // Runs for `awake`, during which the wall clock also moves by `extra`.
  bool looks_after(clock::duration awake, clock::duration extra = 0s) {
    now += awake;
    wall += awake + extra;
    return detector.looked(now, wall);
  }
};

}  // namespace

// covers R27
BOOST_AUTO_TEST_CASE(a_suspend_is_noticed_once) {
  machine laptop;
  BOOST_TEST(!laptop.looks_after(5s));
  BOOST_TEST(laptop.looks_after(2s, 10min));
  BOOST_TEST(!laptop.looks_after(5s));
}

// covers R27
BOOST_AUTO_TEST_CASE(the_threshold_belongs_to_what_counts) {
  machine laptop;
  BOOST_TEST(!laptop.looks_after(5s, 5s - 1ns));
  BOOST_TEST(laptop.looks_after(5s, 5s));
}

BOOST_AUTO_TEST_CASE(small_corrections_do_not_add_up) {
  machine laptop;
  for (int i = 0; i < 1000; ++i) BOOST_TEST(!laptop.looks_after(5s, 100ms));
}

BOOST_AUTO_TEST_CASE(time_that_passes_between_two_looks_is_no_jump) {
  machine busy;
  BOOST_TEST(!busy.looks_after(24h));
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_back_is_ignored_and_hides_nothing_later) {
  machine corrected;
  BOOST_TEST(!corrected.looks_after(5s, -24h));
  BOOST_TEST(!corrected.looks_after(5s));
  BOOST_TEST(corrected.looks_after(5s, 10s));
}

BOOST_AUTO_TEST_CASE(a_clock_that_wakes_up_in_1970_is_set_right) {
  machine board;
  board.wall = {};
  board.detector = {board.now, board.wall};
  BOOST_TEST(board.looks_after(5s, 24h * 365 * 56));
  BOOST_TEST(!board.looks_after(5s));
}

BOOST_AUTO_TEST_SUITE_END()
