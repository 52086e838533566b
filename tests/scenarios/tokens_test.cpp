// Every operation of a connection and of a watch with every kind of completion token.
#include <boost/json.hpp>
#include <boost/version.hpp>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "scenario.hpp"

BOOST_AUTO_TEST_SUITE(completion_tokens)

namespace {

// A connection whose server sends JSON first, and answers what it gets.
struct token_world : scenario {
  explicit token_world(bool runs) {
    backend.on_session([](server_session& session) -> net::awaitable<void> {
      for (int i = 0; i < 3; ++i) co_await session.send("1");
      co_await session.echo();
    });
    conn.emplace(in.executor(), given);
    if (!runs) return;
    conn->run(net::detached);
    BOOST_REQUIRE(reaches(connection_state::connected));
  }
};

bool is_success(error_code ec, const auto&...) { return !ec; }
bool is_success(const send_result& sent) { return sent.ok(); }

// Counts calls; one that reports a failure counts for many.
auto counter(int& calls) {
  return [&calls](const auto&... results) { calls += is_success(results...) ? 1 : 1000; };
}

template <class Start, class Token>
net::awaitable<void> await_it(Start start, connection& conn, Token token, int& calls) {
  static_cast<void>(co_await start(conn, std::move(token)));
  ++calls;
}

// How much an operation has taken from the allocator that is bound to its handler.
struct account {
  std::size_t total = 0;
  std::size_t in_use = 0;
};

template <class T>
struct counting_allocator {
  using value_type = T;

  explicit counting_allocator(account& of) : book(&of) {}
  template <class U>
  counting_allocator(const counting_allocator<U>& other) : book(other.book) {}
  bool operator==(const counting_allocator&) const = default;

  T* allocate(std::size_t count) {
    book->total += count * sizeof(T);
    book->in_use += count * sizeof(T);
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* place, std::size_t count) {
    book->in_use -= count * sizeof(T);
    std::allocator<T>().deallocate(place, count);
  }

  account* book;
};

// An operation, and what makes it complete if it would have to wait.
template <class Start>
struct subject {
  Start start;
  std::function<void(connection&)> completed_by{};
  bool runs = true;
};

// Begins the operation in a world of its own by `begin`, and lets it complete. `look` is for results that are
// not counted by then.
template <class Start, class Begin>
void try_token(const char* name, const subject<Start>& of, Begin begin,
               const std::function<void(int&)>& look = {}) {
  BOOST_TEST_CONTEXT(name) {
    int calls = 0;
    token_world world(of.runs);
    begin(world, calls);
    BOOST_TEST(calls == 0);  // never from within the call
    world.in.settle();
    if (of.completed_by) of.completed_by(*world.conn);
    world.in.run_for(5s);
    if (look) look(calls);
    BOOST_TEST(calls == 1);
  }
}

template <class Start>
void try_awaited(const subject<Start>& of) {
  const auto with = [&of](auto token) {
    return [start = of.start, token = std::move(token)](token_world& world, int& calls) {
      world.in.spawn(await_it(start, *world.conn, token, calls));
    };
  };
  error_code redirected = error::closed;
  try_token("use_awaitable", of, with(net::use_awaitable));
  try_token("deferred", of, with(net::deferred));
  try_token("as_tuple", of, with(net::as_tuple(net::deferred)));
  try_token("redirect_error", of, with(net::redirect_error(net::use_awaitable, redirected)));
#if BOOST_VERSION >= 108600
  try_token("cancel_after, awaited", of, with(net::cancel_after(1h, net::deferred)));
  try_token("cancel_after without a token", of, with(net::cancel_after(1h)));
#endif
}

template <class Start>
void try_called(const subject<Start>& of) {
  try_token("a callback", of, [&](token_world& world, int& calls) { of.start(*world.conn, counter(calls)); });

  net::io_context elsewhere;
  const auto run_elsewhere = [&elsewhere](int& calls) {
    BOOST_TEST(calls == 0);
    elsewhere.poll();
  };
  try_token(
      "bind_executor", of,
      [&](token_world& world, int& calls) {
        of.start(*world.conn, net::bind_executor(elsewhere.get_executor(), counter(calls)));
      },
      run_elsewhere);

  account taken;
  try_token("bind_allocator", of, [&](token_world& world, int& calls) {
    of.start(*world.conn, net::bind_allocator(counting_allocator<char>(taken), counter(calls)));
  });
  BOOST_TEST(taken.total > 0U);
  BOOST_TEST(taken.in_use == 0U);

  net::cancellation_signal never;
  try_token("bind_cancellation_slot", of, [&](token_world& world, int& calls) {
    of.start(*world.conn, net::bind_cancellation_slot(never.slot(), counter(calls)));
  });

  const auto held = std::make_shared<int>(0);
  try_token("consign", of, [&](token_world& world, int& calls) {
    of.start(*world.conn, net::consign(counter(calls), held));
  });
  BOOST_TEST(held.use_count() == 1);

#if BOOST_VERSION >= 108600
  try_token("cancel_after", of, [&](token_world& world, int& calls) {
    of.start(*world.conn, net::cancel_after(1h, counter(calls)));
  });
#endif
}

template <class Start>
void try_others(const subject<Start>& of) {
  std::function<void(int&)> get;
  const auto look = [&get](int& calls) { get(calls); };
  try_token(
      "use_future", of,
      [&](token_world& world, int&) {
        using future = decltype(of.start(*world.conn, net::use_future));
        const auto later = std::make_shared<future>(of.start(*world.conn, net::use_future));
        get = [later](int& calls) {
          if (later->wait_for(0s) != std::future_status::ready) return;
          static_cast<void>(later->get());  // throws if it is an error
          ++calls;
        };
      },
      look);
  try_token(
      "detached", of, [&](token_world& world, int&) { of.start(*world.conn, net::detached); },
      [](int& calls) { ++calls; });
}

template <class Start>
void try_every_token(Start start, std::function<void(connection&)> completed_by = {}, bool runs = true) {
  const subject<Start> of{std::move(start), std::move(completed_by), runs};
  try_awaited(of);
  try_called(of);
  try_others(of);
}

}  // namespace

BOOST_AUTO_TEST_CASE(run_takes_every_token) {
  try_every_token([](connection& c, auto token) { return c.run(std::move(token)); },
                  [](connection& c) { c.close(net::detached); }, false);
}

BOOST_AUTO_TEST_CASE(connect_takes_every_token) {
  try_every_token([](connection& c, auto token) { return c.connect(std::move(token)); });
}

BOOST_AUTO_TEST_CASE(disconnect_takes_every_token) {
  try_every_token([](connection& c, auto token) { return c.disconnect(std::move(token)); });
}

BOOST_AUTO_TEST_CASE(close_takes_every_token) {
  try_every_token([](connection& c, auto token) { return c.close(std::move(token)); });
}

BOOST_AUTO_TEST_CASE(ping_takes_every_token) {
  try_every_token([](connection& c, auto token) { return c.ping(std::move(token)); });
}

BOOST_AUTO_TEST_CASE(migrate_takes_every_token) {
  try_every_token([](connection& c, auto token) { return c.migrate(std::move(token)); });
}

BOOST_AUTO_TEST_CASE(next_state_takes_every_token) {
  try_every_token([](connection& c, auto token) { return c.next_state(std::move(token)); },
                  [](connection& c) { c.disconnect(net::detached); });
  try_every_token([](connection& c, auto token) { return c.next_state(1, std::move(token)); });
}

BOOST_AUTO_TEST_CASE(the_next_state_of_a_watch_takes_every_token) {
  // The operation outlives the watch.
  try_every_token([](connection& c, auto token) { return c.watch().next_state(std::move(token)); });
}

BOOST_AUTO_TEST_CASE(wait_for_takes_every_token) {
  try_every_token(
      [](connection& c, auto token) { return c.wait_for(connection_state::connected, std::move(token)); });
}

BOOST_AUTO_TEST_CASE(send_takes_every_token) {
  try_every_token([](connection& c, auto token) { return c.send("text", std::move(token)); });
}

BOOST_AUTO_TEST_CASE(send_json_takes_every_token) {
  try_every_token(
      [](connection& c, auto token) { return c.send_json(boost::json::value(1), std::move(token)); });
}

BOOST_AUTO_TEST_CASE(receive_takes_every_token) {
  try_every_token([](connection& c, auto token) { return c.receive(std::move(token)); });
}

BOOST_AUTO_TEST_CASE(receive_batch_takes_every_token) {
  try_every_token([](connection& c, auto token) { return c.receive_batch(std::move(token)); });
}

BOOST_AUTO_TEST_CASE(receive_json_takes_every_token) {
  try_every_token([](connection& c, auto token) { return c.receive_json(std::move(token)); });
}

BOOST_AUTO_TEST_CASE(a_connection_and_its_watch_have_the_executor_of_the_constructor) {
  static_assert(std::is_same_v<connection::executor_type, net::any_io_executor>);
  static_assert(std::is_same_v<state_watch::executor_type, net::any_io_executor>);
  static_assert(noexcept(std::declval<const connection&>().get_executor()));
  static_assert(noexcept(std::declval<const state_watch&>().get_executor()));
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  const auto watch = conn.watch();
  BOOST_TEST((conn.get_executor() == s.in.executor()));
  s.conn.reset();
  BOOST_TEST((watch.get_executor() == s.in.executor()));
}

BOOST_AUTO_TEST_SUITE_END()
