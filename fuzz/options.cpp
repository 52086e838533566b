// Options as a configuration file might fill them: they are refused in one line that names the field, or what
// is sent to the server is one request that says what they say, and no more.
//
// The parts of an input are separated by 0xFF: URL, proxy, user agent, subprotocol, then names and values of
// headers in turn.
#include <algorithm>
#include <boost/asio.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "require.hpp"

import holdfast;
import holdfast.testing;
import holdfast.wire;

namespace {

namespace net = boost::asio;
using fuzzed::require;

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out(1);
  for (const char each : text) {
    if (static_cast<unsigned char>(each) == 0xFF) {
      out.emplace_back();
    } else {
      out.back() += each;
    }
  }
  return out;
}

// Leads every name and every port to one listener, which writes down what it is sent.
class one_place final : public holdfast::network {
 public:
  explicit one_place(holdfast::testing::world& in) : in_(in) {
    in.network()->listen(at_, [this](holdfast::transport stream) { in_.spawn(listen(std::move(stream))); });
  }
  net::awaitable<holdfast::result<std::vector<holdfast::peer_address>>> resolve(std::string,
                                                                                std::uint16_t) override {
    co_return std::vector{at_};
  }
  net::awaitable<holdfast::result<holdfast::transport>> connect(holdfast::peer_address) override {
    return in_.network()->connect(at_);
  }
  [[nodiscard]] const std::string& heard() const noexcept { return heard_; }

 private:
  net::awaitable<void> listen(holdfast::transport stream) {
    std::vector<char> place(4096);
    for (;;) {
      holdfast::error_code ec;
      const auto count = stream.read_some(place, ec);
      heard_.append(place.data(), count);
      if (count != 0) continue;
      if (ec && ec != net::error::would_block && ec != net::error::try_again) co_return;
      const auto [failed] =
          co_await stream.async_wait(holdfast::readiness::readable, net::as_tuple(net::use_awaitable));
      if (failed) co_return;
    }
  }

  holdfast::testing::world& in_;
  const holdfast::peer_address at_{net::ip::make_address("10.0.0.1"), 80};
  std::string heard_;
};

void check_request(const holdfast::options& given, const std::string& heard) {
  const auto request = holdfast::parse_request(heard);
  require(request.has_value() && request->has_value(), "what is sent is a request");
  const auto& head = **request;
  require(head.size_bytes == heard.size(), "nothing follows the request");
  std::size_t count = 0;
  for (const auto& [name, value] : given.headers) {
    const auto is_it = [&](const auto& each) { return holdfast::is_same_header(each.first, name); };
    require(std::ranges::any_of(head.headers, is_it), "a header of the options is sent");
    ++count;
  }
  // Those of the handshake: Host, Upgrade, Connection, key, version, User-Agent, subprotocol.
  require(head.headers.size() <= count + 7, "no header is sent that nobody has set");
}

void live(const holdfast::options& given, holdfast::testing::world& in, const one_place& at) {
  holdfast::connection conn(in.executor(), given);
  conn.run(net::detached);
  in.run_for(std::chrono::milliseconds(100));
  if (!holdfast::parse_url(given.url).secure) check_request(given, at.heard());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto parts = split({reinterpret_cast<const char*>(data), size});
  parts.resize(std::max<std::size_t>(parts.size(), 4));
  holdfast::testing::world in;
  const auto at = std::make_shared<one_place>(in);
  holdfast::options given{.url = parts[0], .user_agent = parts[2]};
  if (!parts[3].empty()) given.subprotocols = {parts[3]};
  for (std::size_t i = 4; i + 1 < parts.size(); i += 2) given.headers.emplace_back(parts[i], parts[i + 1]);
  given.network = at;
  try {
    if (!parts[1].empty()) static_cast<void>(holdfast::parse_proxy_url(parts[1]));
    live(given, in, *at);
  } catch (const holdfast::option_error& e) {
    require(std::string_view(e.what()).starts_with("options." + e.field()), "an error names its field");
    require(fuzzed::is_one_line(e.what()), "an error is one line");
  }
  return 0;
}
