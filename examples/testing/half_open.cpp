// A half-open peer and the reconnect, in virtual time: the first program of docs/testing.md. A test compares
// the two.
#include <boost/asio.hpp>
import holdfast;
import holdfast.testing;
using namespace std::chrono_literals;

int main() {
  holdfast::testing::world world;  // one thread, one seed, virtual time
  const holdfast::peer_address at{boost::asio::ip::make_address("10.0.0.1"), 80};
  const holdfast::testing::server server(world, at);  // echoes, until on_session() gives it a script
  world.network()->add_name("chat", {at.address});
  holdfast::connection conn(world.executor(), {.url = "ws://chat/", .network = world.network()});
  conn.run(boost::asio::detached);
  world.run_for(1s);
  world.network()->silence_links();  // no byte arrives any more, and nobody says so
  world.run_for(1min);
  return conn.status() == holdfast::connection_state::connected && conn.snapshot().session == 2 ? 0 : 1;
}
