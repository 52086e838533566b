// JSON in one call, out and in: what is none is the matter of that message alone.
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "scenario.hpp"

BOOST_AUTO_TEST_SUITE(json_messages)

namespace {

// A session that says these, and keeps what it gets.
struct json_scenario : scenario {
  explicit json_scenario(std::vector<message> says = {}) {
    backend.on_session([this, says = std::move(says)](server_session& session) -> net::awaitable<void> {
      for (const auto& each : says) co_await session.send(each.payload, each.kind);
      while (auto next = co_await session.receive()) got.push_back(std::move(*next));
    });
    start();
    BOOST_REQUIRE(reaches(connection_state::connected));
  }
  // The next message, and how the operation ended.
  std::pair<error_code, json_message> next() {
    std::optional<std::pair<error_code, json_message>> out;
    conn->receive_json([&](error_code ec, json_message read) { out.emplace(ec, std::move(read)); });
    in.run_for(1s);
    BOOST_REQUIRE(out.has_value());
    return std::move(*out);
  }
  std::vector<message> got;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_value_is_sent_as_text_and_read_as_the_same_value) {
  const boost::json::value value{{"type", "line"}, {"n", 12345678901234567}, {"list", {1.5, nullptr, "ä\n"}}};
  json_scenario s({{.payload = boost::json::serialize(value)}});
  outcome sent;
  s.conn->send_json(value, {.kind = message_kind::binary}, sent.send_handler());
  const auto [ec, read] = s.next();
  BOOST_TEST(!ec);
  BOOST_TEST((read.value == value));
  BOOST_TEST(read.problem.empty());
  BOOST_TEST((sent.delivered == delivery::written));
  BOOST_REQUIRE(s.got.size() == 1u);
  BOOST_TEST((s.got.front().kind == message_kind::text));
  BOOST_TEST((boost::json::parse(s.got.front().payload) == value));
}

BOOST_AUTO_TEST_CASE(what_is_not_json_fails_alone_and_says_where) {
  const std::string deep = std::string(65, '[') + std::string(65, ']');
  json_scenario s({{.payload = "{\"a\": tru}"},
                   {.payload = ""},
                   {.payload = "{} {}"},
                   {.kind = message_kind::binary, .payload = "\"\xff\""},
                   {.payload = deep},
                   {.payload = "[1, 2"},
                   {.payload = "42"}});
  for (const auto* const place : {"byte 6", "byte 0", "byte 3", "byte 1", "byte 64", "byte 5"}) {
    const auto [ec, read] = s.next();
    BOOST_TEST(ec == make_error_code(error::message_not_json));
    BOOST_TEST(read.problem.starts_with("not one JSON text: "));
    BOOST_TEST(read.problem.ends_with(place), read.problem << " should end with " << place);
    BOOST_TEST(read.problem.find('\n') == std::string::npos);
    BOOST_TEST(read.value.is_null());
  }
  const auto [ec, read] = s.next();
  BOOST_TEST(!ec);
  BOOST_TEST((read.value == 42));
  BOOST_TEST((s.conn->status() == connection_state::connected));
}

BOOST_AUTO_TEST_CASE(what_was_not_json_is_there_to_be_looked_at) {
  json_scenario s({{.kind = message_kind::binary, .payload = "not json"}});
  const auto [ec, read] = s.next();
  BOOST_TEST(!!ec);
  BOOST_TEST(read.original.payload == "not json");
  BOOST_TEST((read.original.kind == message_kind::binary));
}

BOOST_AUTO_TEST_CASE(a_string_that_is_not_utf8_is_refused_before_it_leaves) {
  json_scenario s;
  outcome sent;
  s.conn->send_json("\xff", sent.send_handler());
  s.in.run_for(1s);
  BOOST_TEST(sent.calls == 1);
  BOOST_TEST(sent.ec == make_error_code(error::invalid_utf8));
  BOOST_TEST(s.got.empty());
}

BOOST_AUTO_TEST_CASE(it_ends_as_receive_does_and_can_be_cancelled) {
  json_scenario s;
  net::cancellation_signal stop;
  outcome cancelled, ended;
  s.conn->receive_json(net::bind_cancellation_slot(stop.slot(), cancelled.handler()));
  s.in.settle();
  stop.emit(net::cancellation_type::terminal);
  s.in.settle();
  BOOST_TEST(cancelled.calls == 1);
  BOOST_TEST(cancelled.ec == make_error_code(net::error::operation_aborted));
  s.conn->receive_json(ended.handler());
  s.conn->close(net::detached);
  s.in.run_for(5s);
  BOOST_TEST(ended.calls == 1);
  BOOST_TEST(ended.ec == make_error_code(error::closed));
}

BOOST_AUTO_TEST_CASE(it_can_be_awaited) {
  json_scenario s({{.payload = "[1]"}});
  bool read = false;
  net::co_spawn(
      s.in.executor(),
      [&]() -> net::awaitable<void> {
        const auto got = co_await s.conn->receive_json(net::use_awaitable);
        const auto sent = co_await s.conn->send_json(got.value, net::use_awaitable);
        read = sent.ok();
      },
      net::detached);
  s.in.run_for(1s);
  BOOST_TEST(read);
  BOOST_REQUIRE(s.got.size() == 1u);
  BOOST_TEST(s.got.front().payload == "[1]");
}

BOOST_AUTO_TEST_SUITE_END()
