// Four threads run the context, four more use the connection. What is started completes, once; what is seen
// is in order; and there is never more than one socket. Made to be run under ThreadSanitizer too.
#include <array>
#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "counting_network.hpp"

BOOST_AUTO_TEST_SUITE(threads)

namespace {

// Operations under way, counted on any thread; and the handlers that count them.
class tally {
 public:
  auto handler() {
    ++started_;
    return [this, once = std::make_unique<std::atomic<int>>(0)](const auto&...) {
      if ((*once)++ != 0) ++repeated_;
      ++completed_;
    };
  }
  [[nodiscard]] std::uint64_t started() const { return started_; }
  [[nodiscard]] std::uint64_t completed() const { return completed_; }
  [[nodiscard]] std::uint64_t repeated() const { return repeated_; }
  [[nodiscard]] std::uint64_t pending() const {
    const std::uint64_t done = completed_;  // first, so that the difference is never negative
    return started_ - done;
  }

 private:
  std::atomic<std::uint64_t> completed_{0};
  std::atomic<std::uint64_t> repeated_{0};
  std::atomic<std::uint64_t> started_{0};
};

bool comes_true(const std::function<bool()>& fact) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!fact()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// A server and a context that four threads run, until the end of the scope.
class crowd {
 public:
  crowd() {
    for (auto& each : runners_) each = std::thread([this] { io.run(); });
  }
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;
  ~crowd() {
    net::post(door_, [this] { port_.reset(); });
    work_.reset();
    if (!comes_true([this] { return io.stopped(); })) io.stop();
    for (auto& each : runners_) each.join();
  }

  options given() {
    auto out = quick_options(url_);
    out.retry.base = 1ms;
    out.retry.cap = 4ms;
    out.retry.first_spread = 1ms;
    out.heartbeat = {.ping_interval = 20ms, .pong_deadline = 10s};
    out.watch_network = true;  // begun and ended on all threads
    out.network = std::make_shared<counting_network>(sockets);
    out.gate = gate_;
    return out;
  }

  net::io_context io{4};
  server backend{io.get_executor()};
  std::shared_ptr<socket_count> sockets = std::make_shared<socket_count>();

 private:
  net::strand<net::io_context::executor_type> door_ = net::make_strand(io);  // the port is not thread-safe
  std::optional<loopback_port> port_ = std::optional<loopback_port>(std::in_place, door_, backend);
  const std::string url_ = port_->url();
  net::executor_work_guard<net::io_context::executor_type> work_ = net::make_work_guard(io);
  const std::shared_ptr<dial_gate> gate_ =
      make_dial_gate({.dials = 1'000, .interval = 100ms, .under_way = 2});
  std::array<std::thread, 4> runners_;
};

// Echoes for a while, then ends the session in one of several ways.
net::awaitable<void> moody(server_session& session, unsigned mood) {
  const bool goes_on = co_await session.echo_for(std::chrono::milliseconds(mood % 40));
  if (!goes_on) co_return;
  switch (mood % 4) {
    case 0:
      co_return session.drop();
    case 1:
      co_return co_await session.close(1001, "mood", 100ms);
    case 2:
      co_return co_await session.close(1012, {}, 100ms);
    default:
      co_return co_await session.echo();
  }
}

// What a listener saw: transitions without a gap.
struct sequence_check {
  std::atomic<std::uint64_t> last{0};
  std::atomic<std::uint64_t> wrong{0};

  void see(const observed_change& change) {
    const auto before = last.exchange(change.sequence);
    if (before != 0 && change.sequence != before + change.missed + 1) ++wrong;
  }
};

net::awaitable<void> follow(state_watch watch, std::atomic<std::uint64_t>& wrong, tally& all) {
  const auto done = all.handler();
  std::optional<observed_change> last;
  for (;;) {
    auto [ec, change] = co_await watch.next_state(net::as_tuple(net::deferred));
    if (ec) break;
    if (last && change.sequence != last->sequence + change.missed + 1) ++wrong;
    if (last && change.missed == 0 && change.from != last->to) ++wrong;
    last = std::move(change);
  }
  done();
}

// One thread of a program that does anything at any time.
class user {
 public:
  user(connection& conn, crowd& all, tally& ops, unsigned seed)
      : conn_(conn), crowd_(all), ops_(ops), random_(seed) {}

  void act() {
    if (ops_.pending() > 4000) return std::this_thread::yield();
    const bool may_wait = ops_.pending() < 400;  // these may take until the end
    switch (random_() % 20) {
      case 0:
      case 1:
        return conn_.connect(ops_.handler());
      case 2:
        return random_() % 8 == 0 ? conn_.disconnect(ops_.handler()) : conn_.connect(ops_.handler());
      case 3:
        return conn_.retry_now(random_() % 2 == 0);
      case 4:
        return conn_.network_changed();
      case 5:
        if (random_() % 8 == 0) conn_.enter_background();
        return conn_.enter_foreground();
      case 6:
        return conn_.ping(ops_.handler());
      case 7:
      case 8:
        return conn_.send("text", ops_.handler());
      case 9:
        return conn_.send(bytes_, {.kind = message_kind::binary}, ops_.handler());
      case 10:
        return conn_.send("nobody asks", net::detached);
      case 11:
      case 12:
        if (!may_wait) return;
        return random_() % 2 == 0 ? conn_.receive(ops_.handler()) : conn_.receive_batch(ops_.handler());
      case 13:
        if (may_wait) conn_.next_state(ops_.handler());
        return;
      case 14:
        if (may_wait) conn_.wait_for(static_cast<connection_state>(random_() % 4), ops_.handler());
        return;
      case 15:
        return listen();
      case 16:
        return watch();
      case 17:
        return handle_messages();
      case 18:
        if (!may_wait) return;
        return random_() % 2 == 0 ? conn_.migrate(ops_.handler()) : conn_.receive_json(ops_.handler());
      default:
        return look();
    }
  }
  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }

 private:
  void listen() {
    const auto id = std::to_string(random_() % 8);
    if (random_() % 2 == 0) {
      conn_.remove_connection_listener(id);
      return;
    }
    const auto check = std::make_shared<sequence_check>();
    checks_.push_back(check);
    const bool remove_itself = random_() % 4 == 0;
    listener_options how{.replay_current = random_() % 2 == 0};
    if (random_() % 2 == 0) how.executor = net::make_strand(crowd_.io);
    conn_.add_connection_listener(id,
                                  {.on_state_change =
                                       [this, id, check, remove_itself](const observed_change& change) {
                                         check->see(change);
                                         wrong_ += check->wrong.exchange(0);
                                         if (remove_itself) conn_.remove_connection_listener(id);
                                       }},
                                  how);
  }
  // Whoever has set it: one call at a time.
  void handle_messages() {
    static std::atomic<bool> handling{false};
    if (random_() % 2 == 0) return conn_.set_message_handler({});
    const bool replace_itself = random_() % 4 == 0;
    conn_.set_message_handler([this, replace_itself](const message_view& one) {
      if (handling.exchange(true) || one.payload.empty()) ++wrong_;
      if (replace_itself) conn_.set_message_handler([](const message_view&) {});
      handling = false;
    });
  }
  void watch() {
    auto cursor = std::make_shared<state_watch>(conn_.watch());
    cursor->next_state(
        [cursor, done = ops_.handler()](error_code, const observed_change&) mutable { done(); });
  }
  void look() {
    switch (conn_.status()) {
      case connection_state::disconnected:
      case connection_state::connecting:
      case connection_state::connected:
        break;
      default:
        ++wrong_;  // nobody throttles here, and there are no other states
    }
    const auto now = conn_.snapshot();
    if (now.sequence < last_seen_) ++wrong_;
    last_seen_ = now.sequence;
    count();
    if (random_() % 4 == 0) conn_.session(ops_.handler());
  }
  // Numbers do not go back, and no more messages have ended than were offered.
  void count() {
    const auto mine = conn_.stats();
    if (mine.messages_sent.pending() > mine.messages_sent.offered || mine.bytes_sent < last_sent_) ++wrong_;
    last_sent_ = mine.bytes_sent;
    const auto all = stats_of(crowd_.io).total;
    if (all.messages_sent.offered < mine.messages_sent.offered) ++wrong_;
  }

  connection& conn_;
  crowd& crowd_;
  tally& ops_;
  std::minstd_rand random_;
  const std::string bytes_ = std::string(3000, 'b');
  std::uint64_t last_seen_ = 0;
  std::uint64_t last_sent_ = 0;
  std::vector<std::shared_ptr<sequence_check>> checks_;
  std::atomic<std::uint64_t> wrong_{0};
};

}  // namespace

// covers R15, R33, R36, R42
BOOST_AUTO_TEST_CASE(all_functions_from_all_threads_at_once_and_every_operation_completes) {
  tally ops;
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<unsigned> moods{0};
  crowd all;
  all.backend.on_session(
      [&moods](server_session& session) { return moody(session, moods++ * 7919U % 1009U); });
  connection conn(all.io, all.given());
  conn.run(ops.handler());
  net::co_spawn(net::make_strand(all.io), follow(conn.watch(), wrong, ops), net::detached);
  std::atomic<bool> enough{false};
  std::vector<std::unique_ptr<user>> users;
  std::vector<std::thread> hands;
  for (unsigned i = 1; i <= 4; ++i) users.push_back(std::make_unique<user>(conn, all, ops, i));
  hands.reserve(users.size());
  for (auto& each : users) {
    hands.emplace_back([&enough, &each] {
      while (!enough) each->act();
    });
  }
  BOOST_TEST(comes_true([&] { return ops.started() > 50'000 && all.backend.sessions() > 10; }));
  auto closed = conn.close(net::use_future);  // while they go on
  const auto close_came = closed.wait_for(patience);
  enough = true;
  for (auto& each : hands) each.join();
  BOOST_REQUIRE((close_came == std::future_status::ready));
  BOOST_TEST(comes_true([&] { return ops.pending() == 0; }));
  BOOST_TEST(ops.started() == ops.completed());
  BOOST_TEST(ops.repeated() == 0U);
  for (const auto& each : users) BOOST_TEST(each->wrong() == 0U);
  BOOST_TEST(wrong == 0U);
  BOOST_TEST(all.sockets->most <= 2);  // the one that it moves to is open beside the other
  BOOST_TEST(comes_true([&] { return all.sockets->open == 0; }));
  BOOST_TEST_MESSAGE(ops.started() << " operations, " << all.backend.sessions() << " sessions");
  BOOST_TEST((conn.status() == connection_state::disconnected));
  // The callbacks refer to the users.
  conn.set_message_handler({});
  for (int id = 0; id < 8; ++id) conn.remove_connection_listener(std::to_string(id));
}

// covers R42, G8
BOOST_AUTO_TEST_CASE(a_hundred_thousand_raced_commands_never_open_a_second_socket) {
  tally ops;
  crowd all;
  connection conn(all.io, all.given());
  conn.run(ops.handler());
  std::vector<std::thread> hands;
  for (unsigned i = 1; i <= 4; ++i) {
    hands.emplace_back([&conn, &ops, i] {
      std::minstd_rand random(i);
      for (int n = 0; n < 25'000; ++n) {
        if (ops.pending() > 1000) std::this_thread::yield();
        switch (random() % 4) {
          case 0:
            conn.disconnect(ops.handler());
            break;
          case 1:
            conn.retry_now();
            break;
          default:
            conn.connect(ops.handler());
        }
      }
    });
  }
  for (auto& each : hands) each.join();
  conn.connect(ops.handler());
  BOOST_TEST(comes_true([&] { return conn.status() == connection_state::connected; }));
  // Whatever was raced, disconnect() has an end while the connection lives on.
  auto settled = conn.disconnect(net::use_future);
  BOOST_TEST((settled.wait_for(patience) == std::future_status::ready));
  BOOST_TEST(comes_true([&] { return all.sockets->open == 0; }));
  conn.close(ops.handler());
  BOOST_TEST(comes_true([&] { return ops.pending() == 0; }));
  BOOST_TEST(ops.repeated() == 0U);
  BOOST_TEST(all.sockets->most == 1);
  BOOST_TEST(comes_true([&] { return all.backend.open_sessions() == 0; }));
}

// covers R33, R34, G43
BOOST_AUTO_TEST_CASE(the_handle_is_destroyed_while_completions_are_on_their_way_on_four_threads) {
  tally ops;
  {
    std::atomic<bool> gone{false};
    std::atomic<std::uint64_t> called_late{0};
    std::atomic<unsigned> moods{0};
    crowd all;
    all.backend.on_session([&moods](server_session& session) { return moody(session, moods++); });
    for (int round = 0; round < 40; ++round) {
      gone = false;
      std::optional<connection> conn(std::in_place, all.io, all.given());
      conn->run(ops.handler());
      for (int i = 0; i < 4; ++i) {
        conn->add_connection_listener(
            std::to_string(i), {.on_state_change = [&](const observed_change&) { called_late += gone; }},
            {.executor = net::make_strand(all.io)});
      }
      std::vector<state_watch> watches(4, conn->watch());
      for (int i = 0; i < 50; ++i) {
        conn->next_state(ops.handler());
        conn->wait_for(connection_state::feature_throttled, ops.handler());
        conn->receive(ops.handler());
        conn->send("text", ops.handler());
        conn->ping(ops.handler());
        conn->connect(ops.handler());
        if (i % 10 == round % 10) conn->disconnect(ops.handler());
        if (i == round) std::this_thread::yield();
      }
      for (auto& each : watches) each.next_state(ops.handler());
      if (round % 2 == 0) comes_true([&] { return conn->status() == connection_state::connected; });
      conn.reset();
      gone = true;
      BOOST_TEST(comes_true([&] { return ops.pending() == 0; }));
      // The next one is another connection: an attempt that has just been given up may still hold its socket.
      BOOST_TEST(comes_true([&] { return all.sockets->open == 0; }));
    }
    BOOST_TEST(called_late == 0U);
    BOOST_TEST(all.sockets->most == 1);
    BOOST_TEST(comes_true([&] { return all.sockets->open == 0; }));
  }
  BOOST_TEST(ops.started() == ops.completed());
  BOOST_TEST(ops.repeated() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
