// A wait that is given up in the turn in which its message comes: the message is not lost.
#include <cstdint>
#include <string>

#include "scenario.hpp"

namespace {

constexpr int message_count = is_sanitized ? 20'000 : 100'000;

// Receives one message after the other, and gives up each wait after a millisecond.
class impatient_reader {
 public:
  impatient_reader(connection& from, const net::any_io_executor& executor) : from_(from), limit_(executor) {}

  void start() {
    from_.receive(net::bind_cancellation_slot(give_up_.slot(), [this](error_code ec, const message& got) {
      if (ec == net::error::operation_aborted) ++given_up_;
      if (!ec && got.payload == std::to_string(received_)) ++received_;
      if (received_ != message_count) start();
    }));
    limit_.async_wait_until(clock::now() + 1ms, [this](error_code ec) {
      if (!ec) give_up_.emit(net::cancellation_type::terminal);
    });
  }
  [[nodiscard]] int received() const { return received_; }
  [[nodiscard]] int given_up() const { return given_up_; }

 private:
  connection& from_;
  timer limit_;
  net::cancellation_signal give_up_;
  int received_ = 0;
  int given_up_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(receive_race)

// covers R32
BOOST_AUTO_TEST_CASE(a_message_that_comes_in_the_turn_of_a_cancellation_is_not_lost) {
  scenario s;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    for (int i = 0; i < message_count; ++i) {
      co_await session.send(std::to_string(i));
      co_await session.echo_for(1ms);
    }
    co_await session.echo();
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  impatient_reader reader(conn, s.in.executor());
  reader.start();
  // Messages and limits fall on the same milliseconds; now the one, now the other comes first.
  BOOST_TEST(s.in.run_until([&] { return reader.received() == message_count; }, 10min));
  BOOST_TEST(reader.received() == message_count);
  BOOST_TEST(reader.given_up() > 100);
  BOOST_TEST(conn.snapshot().sequence == 2U);
  s.conn.reset();
  s.in.run_for(1min);
}

BOOST_AUTO_TEST_SUITE_END()
