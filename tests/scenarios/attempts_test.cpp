// What an attempt must not leave behind: an older socket, a trace in the next attempt, an exception of the
// network.
#include <stdexcept>

#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(attempts)

namespace {

// The simulated network, but looking a name up throws.
class throwing_resolver : public network {
 public:
  throwing_resolver(std::shared_ptr<simulated_network> rest, const std::exception_ptr& thrown)
      : rest_(std::move(rest)), thrown_(thrown) {}
  net::awaitable<result<std::vector<peer_address>>> resolve(std::string, std::uint16_t) override {
    co_await net::post(net::use_awaitable);
    std::rethrow_exception(thrown_);
  }
  net::awaitable<result<transport>> connect(peer_address peer) override { return rest_->connect(peer); }

 private:
  const std::shared_ptr<simulated_network> rest_;
  const std::exception_ptr thrown_;
};

// Gives the first who asks an answer after a minute, whatever happens meanwhile, and others one at once.
struct slow_once {
  net::awaitable<credentials> answer(credential_request request) {
    asked.push_back(request);
    const auto serial = asked.size();
    if (serial == 1) {
      co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
      timer wait(co_await net::this_coro::executor);
      co_await wait.async_wait_until(clock::now() + 1min, net::as_tuple(net::use_awaitable));
    }
    co_return credentials{.serial = serial};
  }
  std::vector<credential_request> asked;
};

}  // namespace

// covers R42
BOOST_AUTO_TEST_CASE(the_old_socket_is_closed_before_the_way_to_where_a_redirect_leads_begins) {
  const peer_address other_at{net::ip::make_address("10.0.0.2"), 80};
  scenario s;
  server other(s.in, other_at);
  s.in.network()->add_name("other", {other_at.address}, 1s);
  s.backend.on_upgrade([](const http_head&) {
    return std::optional(http_answer{.status = 302, .headers = {{"Location", "ws://other/"}}});
  });
  auto& conn = s.start();
  s.in.run_for(500ms);
  BOOST_TEST(s.backend.accepted() == 1U);
  BOOST_TEST((conn.status() == connection_state::connecting));
  BOOST_TEST(s.in.network()->open_links() == 0U);
  BOOST_TEST(s.reaches(connection_state::connected, 1s));
  BOOST_TEST(conn.snapshot().peer == "10.0.0.2:80");
}

// covers R42 R23
BOOST_AUTO_TEST_CASE(credentials_that_come_after_their_attempt_was_given_up_are_not_remembered) {
  slow_once provider;
  scenario s;
  s.given.provider = [&](credential_request request) { return provider.answer(std::move(request)); };
  auto& conn = s.start();
  s.in.run_for(1s);
  conn.disconnect(net::detached);
  conn.connect(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected, 1s));
  s.in.run_for(2min);  // the late answer has come
  s.in.network()->reset_links();
  s.in.run_for(10s);
  BOOST_REQUIRE(provider.asked.size() == 3U);
  BOOST_TEST(provider.asked[1].serial == 0U);
  BOOST_TEST(provider.asked[2].serial == 2U);
}

// covers R11
BOOST_AUTO_TEST_CASE(a_resolver_that_throws_a_system_error_has_failed_with_it) {
  scenario s;
  const error_code why = net::error::host_not_found_try_again;
  s.given.network = std::make_shared<throwing_resolver>(
      s.in.network(), std::make_exception_ptr(boost::system::system_error(why)));
  auto& conn = s.start();
  BOOST_REQUIRE((conn.status() == connection_state::disconnected));
  BOOST_TEST((conn.snapshot().reason.error == why));
  BOOST_TEST((conn.snapshot().reason.at == stage::resolve));
  BOOST_TEST(conn.snapshot().retry_in.has_value());
}

BOOST_AUTO_TEST_CASE(a_resolver_that_throws_anything_else_is_heard_of) {
  scenario s;
  s.given.network =
      std::make_shared<throwing_resolver>(s.in.network(), std::make_exception_ptr(std::logic_error("a bug")));
  BOOST_CHECK_THROW(s.start(), std::logic_error);
}

BOOST_AUTO_TEST_SUITE_END()
