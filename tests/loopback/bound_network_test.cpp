// A network that opens its sockets itself. connect_from() stands in docs/extending.md as it stands here.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loopback.hpp"

BOOST_AUTO_TEST_SUITE(bound_networks)

namespace {

net::awaitable<holdfast::result<holdfast::transport>> connect_from(net::ip::address local,
                                                                   holdfast::peer_address peer) {
  net::ip::tcp::socket socket(co_await net::this_coro::executor);
  holdfast::error_code failed;
  socket.open(peer.address.is_v6() ? net::ip::tcp::v6() : net::ip::tcp::v4(), failed);
  if (!failed) socket.bind({local, 0}, failed);
  if (failed) co_return failed;
  const auto [ec] = co_await socket.async_connect({peer.address, peer.port}, net::as_tuple(net::deferred));
  if (ec) co_return ec;
  co_return holdfast::transport(std::move(socket));
}

class bound_network final : public network {
 public:
  explicit bound_network(net::ip::address local) : local_(std::move(local)) {}

  net::awaitable<result<std::vector<peer_address>>> resolve(std::string host, std::uint16_t port) override {
    return real_network()->resolve(std::move(host), port);
  }
  net::awaitable<result<transport>> connect(peer_address peer) override { return connect_from(local_, peer); }

 private:
  const net::ip::address local_;
};

}  // namespace

// All of 127.0.0.0/8 is this machine.
BOOST_AUTO_TEST_CASE(a_network_of_the_program_chooses_the_local_address) {
  loopback l;
  const auto local = net::ip::make_address("127.0.0.2");
  net::ip::tcp::acceptor port(l.io, {net::ip::address_v4::loopback(), 0});
  std::optional<net::ip::address> seen;
  port.async_accept([&](error_code ec, const net::ip::tcp::socket& accepted) {
    if (!ec) seen = accepted.remote_endpoint().address();
  });
  connection conn(l.io, {.url = "ws://127.0.0.1:" + std::to_string(port.local_endpoint().port()) + '/',
                         .network = std::make_shared<bound_network>(local)});
  conn.run(net::detached);
  BOOST_REQUIRE(l.run_until([&] { return seen.has_value(); }));
  BOOST_TEST((*seen == local));
}

BOOST_AUTO_TEST_CASE(messages_pass_through_a_socket_of_the_program) {
  loopback l;
  l.given.network = std::make_shared<bound_network>(net::ip::make_address("127.0.0.2"));
  std::string echoed;
  connection conn(l.io, l.given);
  conn.run(net::detached);
  BOOST_REQUIRE(l.reaches(conn, connection_state::connected));
  conn.set_message_handler([&](const message_view& one) { echoed = one.payload; });
  conn.send("hello", net::detached);
  BOOST_TEST(l.run_until([&] { return echoed == "hello"; }));
  std::optional<session_info> facts;
  conn.session([&](error_code, session_info known) { facts = std::move(known); });
  BOOST_REQUIRE(l.run_until([&] { return facts.has_value(); }));
  BOOST_TEST(facts->local.starts_with("127.0.0.2:"));
}

BOOST_AUTO_TEST_SUITE_END()
