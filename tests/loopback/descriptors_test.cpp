// What a child process inherits of us: nothing. A socket that it kept would stay open at the server when the
// connection has long been closed.
#ifdef __linux__

#include <dirent.h>
#include <fcntl.h>

#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "loopback.hpp"

BOOST_AUTO_TEST_SUITE(open_descriptors)

namespace {

struct closing {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// The descriptors that are open, each with whether a child would inherit it.
std::map<int, bool> descriptors() {
  std::map<int, bool> open;
  const std::unique_ptr<DIR, closing> folder(::opendir("/proc/self/fd"));
  BOOST_REQUIRE(folder != nullptr);
  while (const auto* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    int number = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec != std::errc()) continue;
    if (number == ::dirfd(folder.get())) continue;
    const int flags = ::fcntl(number, F_GETFD);
    if (flags >= 0) open[number] = (flags & FD_CLOEXEC) == 0;
  }
  return open;
}

struct made_since {
  explicit made_since(const std::map<int, bool>& before) {
    for (const auto& [number, inherited] : descriptors()) {
      if (before.contains(number)) continue;
      ++count;
      if (inherited) passed_on.push_back(number);
    }
  }
  int count = 0;
  std::vector<int> passed_on{};
};

}  // namespace

// covers R49
BOOST_AUTO_TEST_CASE(a_child_inherits_no_descriptor_of_a_connection_or_of_its_server) {
  const auto before = descriptors();
  loopback here;
  here.given.watch_network = true;
  connection conn(here.io, here.given);
  conn.run(net::detached);
  BOOST_REQUIRE(here.reaches(conn, connection_state::connected));
  const made_since now(before);
  BOOST_TEST(now.count >= 4);  // the context's, the port's, both ends of the connection, the watcher's
  BOOST_TEST(now.passed_on == std::vector<int>{}, boost::test_tools::per_element());
}

// covers R49
BOOST_AUTO_TEST_CASE(a_child_inherits_no_socket_of_either_family) {
  for (const auto* const text : {"127.0.0.1", "::1"}) {
    net::io_context io;
    const auto address = net::ip::make_address(text);
    net::ip::tcp::acceptor port(io);
    error_code missing;
    port.open(address.is_v6() ? net::ip::tcp::v6() : net::ip::tcp::v4(), missing);
    if (!missing) port.bind({address, 0}, missing);
    if (missing && address.is_v6()) continue;  // a machine without IPv6
    port.listen();
    const auto before = descriptors();
    std::optional<result<transport>> opened;
    net::co_spawn(
        io,
        [&]() -> net::awaitable<void> {
          opened = co_await real_network()->connect({address, port.local_endpoint().port()});
        },
        net::detached);
    io.run_for(patience);
    BOOST_REQUIRE((opened && opened->has_value()));
    const made_since now(before);
    BOOST_TEST(now.count == 1);
    BOOST_TEST(now.passed_on == std::vector<int>{}, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_SUITE_END()

#endif
