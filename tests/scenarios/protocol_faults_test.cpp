// What a program's own protocol must not do, and what becomes of its connection when it does.
#include <deque>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "line_protocol.hpp"
#include "received.hpp"

BOOST_AUTO_TEST_SUITE(protocol_faults)

namespace {

// Runs code of the program within each encode().
class calling_protocol final : public line_protocol_base {
 public:
  using function = std::function<void(const outgoing_message&)>;

  explicit calling_protocol(function call) : call_(std::move(call)) {}
  result<std::string> encode(const outgoing_message& message) const override {
    call_(message);
    return line_protocol_base::encode(message);
  }

 private:
  function call_;
};

protocol_factory calls(calling_protocol::function what) {
  return [what = std::move(what)] { return std::make_unique<calling_protocol>(what); };
}

std::size_t lines_with(const scenario& s, std::string_view words) {
  return static_cast<std::size_t>(std::ranges::count_if(
      s.log_lines, [words](const std::string& line) { return line.find(words) != std::string::npos; }));
}

// Delivers a message of its own with each heartbeat.
class delivering_protocol final : public line_protocol_base {
 public:
  void heartbeat(protocol_link& link) override { link.deliver(message_kind::text, "out of place"); }
};

// Refuses each message; its server acknowledges none.
class refusing_protocol final : public line_protocol_base {
 public:
  explicit refusing_protocol(int& encoded) : encoded_(encoded) {}
  [[nodiscard]] bool acknowledges() const noexcept override { return false; }
  result<std::string> encode(const outgoing_message&) const override {
    ++encoded_;
    return make_error_code(error::message_invalid);
  }

 private:
  int& encoded_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(calls_of_the_connection_from_within_encode_are_refused_with_one_line_in_the_log) {
  line_scenario s;
  std::deque<outcome> refused;
  std::size_t discarded = 0;
  s.given.protocol = calls([&](const outgoing_message&) {
    s.conn->send("inner", {.when_offline = offline_rule::wait}, refused.emplace_back().send_handler());
    discarded += s.conn->discard_waiting();
    s.conn->connect(net::detached);
  });
  auto& conn = s.start();
  outcome patient, direct;
  // It is encoded twice: to check it, and when the session is ready.
  conn.send("patient", {.when_offline = offline_rule::wait}, patient.send_handler());
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.send("direct", direct.send_handler());
  s.in.run_for(1s);
  BOOST_TEST(refused.size() == 3U);
  for (const auto& each : refused) {
    BOOST_TEST(each.calls == 1);
    BOOST_TEST((each.delivered == delivery::not_sent));
    BOOST_TEST(each.ec == make_error_code(error::message_invalid));
  }
  BOOST_TEST(discarded == 0U);
  BOOST_TEST((patient.delivered == delivery::acked));
  BOOST_TEST((direct.delivered == delivery::acked));
  BOOST_TEST((s.got == std::vector<std::string>{"hello 1", "m 1 patient", "m 2 direct"}));
  BOOST_TEST(lines_with(s, "encode() of the protocol called the connection, which it must not do") == 1U);
}

BOOST_AUTO_TEST_CASE(an_encode_that_calls_another_connection_is_no_fault) {
  line_scenario s;
  connection other(s.in.executor(), s.given);
  other.run([](error_code) {});
  outcome passed_on;
  s.given.protocol = calls([&](const outgoing_message& message) {
    if (message.id == 0) return;
    other.send("copy", {.when_offline = offline_rule::wait}, passed_on.send_handler());
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.send("original", net::detached);
  s.in.run_for(1s);
  BOOST_TEST(passed_on.calls == 1);
  BOOST_TEST((passed_on.delivered == delivery::acked));
  BOOST_TEST(lines_with(s, "encode()") == 0U);
}

BOOST_AUTO_TEST_CASE(an_encode_may_cancel_a_message_that_waits) {
  line_scenario s;
  net::cancellation_signal cancel;
  s.given.protocol = calls([&](const outgoing_message& message) {
    if (message.payload == "cancels") cancel.emit(net::cancellation_type::terminal);
  });
  auto& conn = s.start();
  outcome cancelled;
  conn.send("cancelled", {.when_offline = offline_rule::wait},
            net::bind_cancellation_slot(cancel.slot(), cancelled.send_handler()));
  conn.send("cancels", {.when_offline = offline_rule::wait}, net::detached);
  s.in.settle();
  BOOST_TEST(cancelled.calls == 1);
  BOOST_TEST((cancelled.delivered == delivery::not_sent));
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  BOOST_TEST((s.got == std::vector<std::string>{"hello 1", "m 1 cancels"}));
}

BOOST_AUTO_TEST_CASE(an_encode_that_throws_refuses_its_message_alone) {
  line_scenario s;
  s.given.protocol = calls([](const outgoing_message& message) {
    if (message.id != 0 && message.payload.starts_with("explosive")) throw std::runtime_error("secret");
  });
  auto& conn = s.start();
  outcome early, behind, late, good;
  conn.send("explosive early", {.when_offline = offline_rule::wait}, early.send_handler());
  conn.send("behind", {.when_offline = offline_rule::wait}, behind.send_handler());
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.send("explosive late", late.send_handler());
  conn.send("good", good.send_handler());
  s.in.run_for(1s);
  for (const auto* each : {&early, &late}) {
    BOOST_TEST(each->calls == 1);
    BOOST_TEST((each->delivered == delivery::not_sent));
    BOOST_TEST(each->ec == make_error_code(error::message_invalid));
  }
  BOOST_TEST((behind.delivered == delivery::acked));
  BOOST_TEST((good.delivered == delivery::acked));
  BOOST_TEST((s.got == std::vector<std::string>{"hello 1", "m 1 behind", "m 2 good"}));
  BOOST_TEST((conn.status() == connection_state::connected));
  BOOST_TEST(lines_with(s, "encode() of the protocol threw an exception") == 2U);
  BOOST_TEST(lines_with(s, "secret") == 0U);
}

BOOST_AUTO_TEST_CASE(a_message_that_is_delivered_outside_of_received_ends_the_session_instead_of_being_lost) {
  line_scenario s;
  s.given.protocol = [] { return std::make_unique<delivering_protocol>(); };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const recorder seen(conn);
  s.in.run_for(31s);
  BOOST_REQUIRE(seen.count(connection_state::disconnected) == 1U);
  const auto& ended = seen.changes().front();
  BOOST_TEST(ended.reason.error == make_error_code(error::protocol_failed));
  BOOST_TEST(ended.reason.detail.find("received()") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_awaited_message_that_encode_refuses_is_encoded_once_and_lets_others_have_their_turn) {
  line_scenario s;
  int encoded = 0;
  s.given.protocol = [&] { return std::make_unique<refusing_protocol>(encoded); };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  int refused = 0;
  bool had_turn = false;
  s.in.spawn([](connection& of, int& count, const bool& stop) -> net::awaitable<void> {
    while (!stop) {
      const auto sent = co_await of.send("x");
      if (sent.reason == error::message_invalid) ++count;
    }
  }(conn, refused, had_turn));
  net::post(s.in.executor(), [&] { had_turn = true; });
  s.in.settle();
  BOOST_TEST(refused >= 1);
  BOOST_TEST(encoded == refused);
}

BOOST_AUTO_TEST_SUITE_END()
