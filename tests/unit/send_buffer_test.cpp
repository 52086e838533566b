// In which order the frames of a session leave, and which messages have left when a socket has taken some
// bytes.
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frames.hpp"

import holdfast.core;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(send_buffers)

namespace {

using lines = std::vector<std::string>;

constexpr std::size_t limit = 1 << 20;
constexpr auto everything = std::string_view::npos;

std::string describe(const frame_result& event) {
  std::string payload(event.payload);
  switch (event.event) {
    case frame_event::message:
      return payload;
    case frame_event::ping:
      return "ping " + payload;
    case frame_event::pong:
      return "pong " + payload;
    case frame_event::close:
      return "close " + std::to_string(event.close_code) + ' ' + payload;
    case frame_event::none:
    case frame_event::failed:
      break;
  }
  return "failed: " + event.error.message();
}

// A buffer, and a server that reads what is written from it.
struct wire {
  send_buffer buffer;
  std::optional<frame_decoder> server{std::in_place, peer_role::server, limit};
  lines read{};
  std::size_t messages = 0;  // that the server has read
  std::size_t finished = 0;  // that the buffer takes for written

  void add(std::string_view payload) { buffer.add_message(message_kind::text, payload); }
  bool ping(std::string_view payload) { return buffer.add_control(opcode::ping, payload); }

  // The socket takes no more than this.
  void write(std::size_t most = everything) {
    const auto next = buffer.next();
    const auto count = std::min(most, next.bytes.size());
    server->feed(next.bytes.substr(0, count));
    finished += buffer.consumed(next.from, count);
    for (auto event = server->next(); event.event != frame_event::none; event = server->next()) {
      read.push_back(describe(event));
      if (event.event == frame_event::message) ++messages;
    }
  }
  void write_all() {
    while (!buffer.empty()) write();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(an_unused_buffer_has_nothing_to_write) {
  wire w;
  BOOST_TEST(w.buffer.empty());
  BOOST_TEST(w.buffer.next().bytes.empty());
  BOOST_TEST(!w.buffer.closed());
  BOOST_TEST(!w.buffer.inside_message());
  BOOST_TEST(w.buffer.consumed(send_buffer::queue::messages, 0) == 0U);
  BOOST_TEST(w.buffer.consumed(send_buffer::queue::messages, 10) == 0U);
  BOOST_TEST(w.buffer.written() == 0U);
}

BOOST_AUTO_TEST_CASE(many_messages_leave_in_one_piece_and_in_their_order) {
  wire w;
  for (const auto* each : {"one", "two", "", "four"}) w.add(each);
  w.write();
  BOOST_TEST((w.read == lines{"one", "two", "", "four"}));
  BOOST_TEST(w.finished == 4U);
  BOOST_TEST(w.buffer.empty());
}

BOOST_AUTO_TEST_CASE(control_frames_leave_before_messages_that_have_not_begun) {
  wire w;
  w.add("message");
  w.ping("a");
  w.buffer.add_control(opcode::text, "of the protocol");
  w.write_all();
  BOOST_TEST((w.read == lines{"ping a", "of the protocol", "message"}));
}

BOOST_AUTO_TEST_CASE(a_control_frame_waits_for_the_end_of_a_message_that_has_begun) {
  wire w;
  w.add("begun");
  w.add("not begun");
  w.write(4);
  BOOST_TEST(w.buffer.inside_message());
  w.ping("a");
  BOOST_TEST(w.buffer.control_waits());
  w.write(2);
  BOOST_TEST(w.finished == 0U);
  w.write();  // the rest of the message, and no byte of the next one
  BOOST_TEST((w.read == lines{"begun"}));
  BOOST_TEST(w.finished == 1U);
  BOOST_TEST(!w.buffer.inside_message());
  w.write_all();
  BOOST_TEST((w.read == lines{"begun", "ping a", "not begun"}));
  BOOST_TEST(w.finished == 2U);
}

BOOST_AUTO_TEST_CASE(the_frames_of_one_message_stay_together_and_count_as_one) {
  const std::vector<std::string> attachments{"first", std::string(70'000, 'x'), ""};
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    wire w;
    lines expected;
    for (int i = 0; i < 50; ++i) {
      const bool with = random() % 2 != 0;
      w.buffer.add_message(message_kind::text, "m", with ? attachments : lines{});
      expected.emplace_back("m");
      if (with) expected.insert(expected.end(), attachments.begin(), attachments.end());
      w.ping("p");
      w.write(random() % 50'000);
    }
    w.write_all();
    BOOST_TEST(w.finished == 50U);
    std::size_t at = 0;
    for (std::size_t i = 0; i < w.read.size(); ++i) {
      if (w.read[i] == "ping p") {
        // Never between a message and its attachments.
        BOOST_TEST((at == expected.size() || expected[at] == "m"));
        continue;
      }
      BOOST_REQUIRE(at < expected.size());
      BOOST_TEST(w.read[i] == expected[at++]);
    }
    BOOST_TEST(at == expected.size());
  }
}

BOOST_AUTO_TEST_CASE(frames_of_a_message_that_has_not_begun_are_dropped_with_it) {
  wire w;
  w.add("begun");
  w.buffer.add_message(message_kind::text, "dropped", lines{"a", "b"});
  w.write(3);
  w.buffer.drop_messages();
  w.buffer.add_message(message_kind::text, "kept", lines{"c"});
  w.write_all();
  BOOST_TEST((w.read == lines{"begun", "kept", "c"}));
  BOOST_TEST(w.finished == 2U);
}

BOOST_AUTO_TEST_CASE(a_message_is_finished_with_its_last_byte_however_few_bytes_the_socket_takes) {
  constexpr std::array<std::size_t, 8> sizes{0, 1, 125, 126, 127, 65'535, 65'536, 200'000};
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    wire w;
    std::size_t added = 0;
    for (int i = 0; i < 200; ++i) {
      if (random() % 3 != 0) {
        w.buffer.add_message(message_kind::binary, frames::some_binary(sizes[random() % sizes.size()]));
        ++added;
      }
      if (random() % 10 == 0) w.ping("p");
      w.write(random() % (random() % 3 == 0 ? 200'000 : 300));
      BOOST_REQUIRE(w.finished == w.messages);
    }
    w.write_all();
    BOOST_TEST(w.messages == added);
    BOOST_TEST(w.finished == added);
    BOOST_TEST(std::ranges::none_of(w.read, [](const auto& each) { return each.starts_with("failed"); }));
  }
}

BOOST_AUTO_TEST_CASE(each_single_byte_of_several_messages_can_be_written_alone) {
  wire w;
  for (int i = 0; i < 5; ++i) w.add(std::string(static_cast<std::size_t>(i) * 60, 'x'));
  while (!w.buffer.empty()) {
    const auto before = w.finished;
    w.write(1);
    BOOST_REQUIRE(w.finished == w.messages);
    BOOST_REQUIRE(w.buffer.inside_message() == (w.finished == before));
  }
  BOOST_TEST(w.finished == 5U);
}

BOOST_AUTO_TEST_CASE(compressed_messages_are_finished_like_others) {
  wire w;
  w.buffer.agree({});
  w.server->agree({});
  BOOST_TEST(w.buffer.compresses());
  lines sent;
  for (std::size_t i = 0; i < 20; ++i) sent.push_back(frames::some_text(1 + i * i * 100));
  for (const auto& each : sent) w.add(each);
  while (!w.buffer.empty()) {
    w.write(100);
    BOOST_REQUIRE(w.finished == w.messages);
  }
  BOOST_TEST((w.read == sent));
}

BOOST_AUTO_TEST_CASE(a_large_message_leaves_in_pieces_unless_a_control_frame_waits_for_its_end) {
  wire w;
  w.buffer.add_message(message_kind::binary, std::string(500'000, 'x'));
  BOOST_TEST(w.buffer.next().bytes.size() == 128U * 1024);
  w.write();
  w.ping("a");
  BOOST_TEST(w.buffer.next().bytes.size() > 300'000U);
  w.write();
  BOOST_TEST(w.finished == 1U);
}

BOOST_AUTO_TEST_CASE(bytes_are_counted_by_queue) {
  wire w;
  w.add("hello");
  w.ping("");
  BOOST_TEST(w.buffer.given() == 11U);
  BOOST_TEST(w.buffer.written() == 0U);
  w.write();
  BOOST_TEST(w.buffer.control_written() == 6U);
  BOOST_TEST(w.buffer.written() == 0U);
  w.write(3);
  w.add("hello");
  BOOST_TEST(w.buffer.written() == 3U);
  BOOST_TEST(w.buffer.given() == 22U);
}

BOOST_AUTO_TEST_CASE(the_close_frame_follows_the_messages_and_is_the_last_frame) {
  wire w;
  w.add("one");
  w.add("two");
  w.buffer.close_behind_messages(1000, "done");
  BOOST_TEST(!w.buffer.closed());
  BOOST_TEST(w.ping("before"));
  w.buffer.close_behind_messages(1001, "too late");
  w.write();
  w.write();
  BOOST_TEST(w.buffer.closed());
  BOOST_TEST(!w.ping("behind"));
  BOOST_TEST(!w.buffer.add_pong("behind"));
  w.write_all();
  BOOST_TEST((w.read == lines{"ping before", "one", "two", "close 1000 done"}));
}

BOOST_AUTO_TEST_CASE(without_messages_the_close_frame_is_added_at_once) {
  wire w;
  w.ping("a");
  w.buffer.close_behind_messages(1001, "");
  BOOST_TEST(w.buffer.closed());
  w.buffer.close_now(1000, "too late");
  w.write_all();
  BOOST_TEST((w.read == lines{"ping a", "close 1001 "}));
}

BOOST_AUTO_TEST_CASE(to_close_now_drops_all_messages_but_the_one_that_has_begun) {
  for (const bool begun : {true, false}) {
    wire w;
    w.add("one");
    w.add("two");
    w.buffer.close_behind_messages(1000, "when they have left");
    if (begun) w.write(3);
    w.buffer.close_now(4001, "now");
    w.write_all();
    BOOST_TEST((w.read == (begun ? lines{"one", "close 4001 now"} : lines{"close 4001 now"})));
    BOOST_TEST(w.finished == (begun ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_CASE(messages_that_are_dropped_make_way_for_the_close_frame_that_waited_for_them) {
  for (const bool begun : {true, false}) {
    wire w;
    w.add("one");
    w.add("two");
    if (begun) w.write(3);
    w.buffer.close_behind_messages(1000, "done");
    w.buffer.drop_messages();
    BOOST_TEST(w.buffer.closed() == !begun);
    w.write_all();
    BOOST_TEST((w.read == (begun ? lines{"one", "close 1000 done"} : lines{"close 1000 done"})));
  }
}

BOOST_AUTO_TEST_CASE(messages_can_follow_those_that_were_dropped) {
  wire w;
  for (const auto* each : {"one", "two", "three"}) w.add(each);
  w.write(w.buffer.next().bytes.size() - 1);
  BOOST_TEST(w.finished == 2U);
  w.buffer.drop_messages();
  w.add("four");
  w.buffer.drop_messages();
  w.add("five");
  w.write_all();
  BOOST_TEST((w.read == lines{"one", "two", "three", "five"}));
  BOOST_TEST(w.finished == 4U);
}

BOOST_AUTO_TEST_CASE(of_pings_that_come_faster_than_their_answers_leave_only_the_newest_is_answered) {
  wire w;
  w.add("begun");
  w.write(3);
  for (int i = 0; i < 1000; ++i) BOOST_REQUIRE(w.buffer.add_pong(std::string(100, 'p') + std::to_string(i)));
  w.write_all();
  BOOST_TEST(w.read.size() < 20U);
  BOOST_TEST(w.read[1] == "pong " + std::string(100, 'p') + "0");
  BOOST_TEST(w.read.back() == "pong " + std::string(100, 'p') + "999");
}

BOOST_AUTO_TEST_CASE(an_answer_that_had_to_wait_does_not_follow_the_close_frame) {
  wire w;
  for (int i = 0; i < 20; ++i) w.buffer.add_pong(std::string(100, 'p'));
  const auto before = w.buffer.next().bytes.size();
  w.buffer.close_now(1000, "");
  BOOST_TEST(!w.buffer.add_pong("late"));
  BOOST_TEST(w.buffer.next().bytes.size() == before + 8);
  w.write_all();
  BOOST_TEST(w.read.back() == "close 1000 ");
}

BOOST_AUTO_TEST_CASE(a_buffer_can_be_used_again_for_the_next_session) {
  wire w;
  w.buffer.agree({});
  w.add("lost");
  w.ping("lost");
  w.write();
  w.write(3);
  w.buffer.close_now(1000, "lost");
  w.buffer.reset();
  BOOST_TEST(w.buffer.empty());
  BOOST_TEST(!w.buffer.closed());
  BOOST_TEST(!w.buffer.compresses());
  BOOST_TEST(!w.buffer.inside_message());
  BOOST_TEST(w.buffer.given() == 0U);
  BOOST_TEST(w.buffer.control_written() == 0U);
  w.server.emplace(peer_role::server, limit);
  w.read.clear();
  w.add("hello");
  w.write_all();
  BOOST_TEST((w.read == lines{"hello"}));
  BOOST_TEST(w.finished == 1U);
}

BOOST_AUTO_TEST_CASE(memory_is_given_back_only_where_nothing_waits) {
  wire w;
  w.add("hello");
  w.buffer.release_memory();
  w.ping("a");
  w.write(6);
  w.buffer.release_memory();
  w.write_all();
  BOOST_TEST((w.read == lines{"ping a", "hello"}));
}

BOOST_AUTO_TEST_SUITE_END()
