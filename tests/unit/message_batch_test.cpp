// What a message says of itself: the session that brought it, and when; whatever becomes of the batch that
// carries it.
#include <algorithm>
#include <boost/json/value.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <utility>

import holdfast;

using namespace holdfast;
using namespace std::chrono_literals;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(message_batches)

namespace {

constexpr clock::time_point at(std::chrono::seconds since) { return clock::time_point(since); }

void push(message_batch& to, std::string_view payload) { to.push_back(message_kind::text, payload); }

template <class Message>
bool says(const Message& one, std::string_view payload, std::uint64_t session, clock::time_point received) {
  return one.payload == payload && one.session == session && one.received == received;
}

bool same(const message_view& one, const message& other) {
  return one.kind == other.kind && says(one, other.payload, other.session, other.received);
}

// A batch, and what it should hold, told in the simplest way.
struct model {
  message_batch batch;
  std::deque<message> expected;
  std::uint64_t session = 0;
  clock::time_point received{};

  void stamp(std::uint64_t number, clock::time_point when) {
    session = number;
    received = when;
    batch.stamp(session, received);
  }
  void push(message_kind kind, std::string payload) {
    expected.push_back({kind, payload, session, received});
    if (payload.size() % 2 == 0) {
      batch.push_back(kind, std::string_view(payload));
    } else {
      batch.take_back(kind, std::move(payload));
    }
  }
  void append(model& other) {
    batch.append(other.batch);
    std::ranges::move(other.expected, std::back_inserter(expected));
    other.expected.clear();
  }
  void pop() {
    const auto popped = batch.pop_front();
    BOOST_REQUIRE(popped.kind == expected.front().kind);
    BOOST_REQUIRE(
        says(popped, expected.front().payload, expected.front().session, expected.front().received));
    expected.pop_front();
  }
  void clear() {
    batch.clear();
    expected.clear();
  }
  void check() const {
    BOOST_REQUIRE(batch.size() == expected.size());
    BOOST_REQUIRE(std::ranges::equal(batch, expected, same));
    if (!expected.empty()) BOOST_REQUIRE(same(batch[batch.size() - 1], expected.back()));
  }
};

std::string some_payload(std::mt19937& random) {
  const bool large = random() % 20 == 0;
  return std::string(large ? 4090 + random() % 10 : random() % 20, static_cast<char>('a' + random() % 26));
}

}  // namespace

// covers R68
BOOST_AUTO_TEST_CASE(a_message_of_which_nothing_was_said_has_session_0_and_no_time) {
  const message made{.kind = message_kind::binary, .payload = "x"};
  BOOST_TEST(made.session == 0U);
  BOOST_CHECK(made.received == clock::time_point{});
  message_batch batch;
  push(batch, "one");
  BOOST_CHECK(says(batch[0], "one", 0, {}));
  BOOST_CHECK(says(batch.pop_front(), "one", 0, {}));
}

// covers R68
BOOST_AUTO_TEST_CASE(a_stamp_is_for_what_is_pushed_after_it) {
  message_batch batch;
  push(batch, "before");
  batch.stamp(3, at(10s));
  push(batch, "small");
  batch.take_back(message_kind::binary, std::string(5000, 'l'));
  batch.stamp(3, at(11s));
  batch.stamp(4, at(12s));
  push(batch, "after");
  BOOST_CHECK(says(batch[0], "before", 0, {}));
  BOOST_CHECK(says(batch[1], "small", 3, at(10s)));
  BOOST_CHECK(says(batch[2], std::string(5000, 'l'), 3, at(10s)));
  BOOST_CHECK(says(batch[3], "after", 4, at(12s)));
  std::uint64_t sum = 0;
  for (const auto each : batch) sum = sum * 10 + each.session;
  BOOST_TEST(sum == 334U);
  BOOST_CHECK(says(batch.pop_front(), "before", 0, {}));
  BOOST_CHECK(says(batch.pop_front(), "small", 3, at(10s)));
  BOOST_CHECK(says(batch[1], "after", 4, at(12s)));
  BOOST_CHECK(says(batch.pop_front(), std::string(5000, 'l'), 3, at(10s)));
  BOOST_CHECK(says(batch.pop_front(), "after", 4, at(12s)));
}

// covers R68
BOOST_AUTO_TEST_CASE(a_stamp_holds_until_the_next_one) {
  message_batch batch;
  batch.stamp(1, at(1s));
  push(batch, "one");
  batch.pop_front();
  push(batch, "two");
  BOOST_CHECK(says(batch[0], "two", 1, at(1s)));
  batch.clear();
  push(batch, "three");
  BOOST_CHECK(says(batch[0], "three", 1, at(1s)));
}

// covers R68
BOOST_AUTO_TEST_CASE(appended_messages_keep_their_stamps_and_each_batch_its_own) {
  for (const bool begins_empty : {true, false}) {
    message_batch to;
    to.stamp(7, at(70s));
    if (!begins_empty) push(to, "first");
    message_batch from;
    from.stamp(8, at(80s));
    push(from, "popped");
    push(from, "second");
    from.stamp(9, at(90s));
    from.take_back(message_kind::text, std::string(9000, '3'));
    from.pop_front();
    to.append(from);
    push(to, "fourth");
    BOOST_TEST(from.empty());
    push(from, "next");
    BOOST_CHECK(says(from[0], "next", 9, at(90s)));
    if (!begins_empty) BOOST_CHECK(says(to.pop_front(), "first", 7, at(70s)));
    BOOST_CHECK(says(to.pop_front(), "second", 8, at(80s)));
    BOOST_CHECK(says(to.pop_front(), std::string(9000, '3'), 9, at(90s)));
    BOOST_CHECK(says(to.pop_front(), "fourth", 7, at(70s)));
  }
}

// covers R68
BOOST_AUTO_TEST_CASE(a_batch_that_is_handed_over_takes_its_stamps_along) {
  message_batch batch;
  batch.stamp(1, at(1s));
  push(batch, "one");
  batch.stamp(2, at(2s));
  push(batch, "two");
  auto taken = std::exchange(batch, {});
  push(batch, "fresh");
  BOOST_CHECK(says(batch[0], "fresh", 0, {}));
  BOOST_CHECK(says(taken[0], "one", 1, at(1s)));
  BOOST_CHECK(says(taken[1], "two", 2, at(2s)));
}

// A program that takes one message for each that arrives never empties the batch. covers R68
BOOST_AUTO_TEST_CASE(stamps_stay_with_their_messages_whatever_is_done_with_the_batch) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    std::mt19937 random(seed);
    model kept;
    model coming;
    for (int i = 0; i < 40'000; ++i) {
      const auto what = random() % 100;
      if (what < 20) {
        coming.stamp(random() % 4, at(std::chrono::seconds(random() % 3)));
      } else if (what < 55) {
        coming.push(random() % 2 == 0 ? message_kind::text : message_kind::binary, some_payload(random));
      } else if (what < 65) {
        kept.append(coming);
      } else if (what < 66) {
        kept.stamp(random() % 4, at(std::chrono::seconds(random() % 3)));
        kept.push(message_kind::text, some_payload(random));
      } else if (what < 99) {
        if (!kept.expected.empty() && kept.expected.size() > seed * 50) kept.pop();
        if (!coming.expected.empty() && random() % 8 == 0) coming.pop();
      } else if (i % 10 == 0) {
        (random() % 2 == 0 ? kept : coming).clear();
      } else {
        kept.check();
        coming.check();
      }
    }
    kept.check();
    while (!kept.expected.empty()) kept.pop();
    BOOST_TEST(kept.batch.empty());
  }
}

// covers R68
BOOST_AUTO_TEST_CASE(a_message_read_as_json_still_says_where_it_came_from) {
  for (const auto& text : {"[1]"s, "no json"s}) {
    const auto read = read_json({.payload = text, .session = 3, .received = at(5s)});
    BOOST_TEST(read.problem.empty() == (text == "[1]"));
    BOOST_CHECK(says(read.original, text, 3, at(5s)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
