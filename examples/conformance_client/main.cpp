// A testee for conformance suites: plays each case of a fuzzing server by sending its messages back as they
// came. One learns to dial once: no retry and no heartbeat, and run() returns when the session has ended.
#include <boost/asio.hpp>
#include <boost/program_options.hpp>
#include <iostream>
#include <stdexcept>
#include <string>

import holdfast;

namespace net = boost::asio;
namespace po = boost::program_options;

// Returns when the session has ended, however the server has ended it: the server judges, not we.
template <class Handler>
void dial_once(const std::string& url, bool compress, const Handler& on_message) {
  constexpr std::size_t plenty = 64 << 20;
  net::io_context io(1);
  holdfast::connection conn(io, {.url = url,
                                 .retry = holdfast::retry_policy::once(),
                                 .heartbeat = holdfast::heartbeat_options::off(),
                                 .limits = {.inbound_bytes = plenty,
                                            .outbound_messages = plenty,
                                            .outbound_bytes = plenty,
                                            .message_bytes = plenty},
                                 .compression = {.enabled = compress}});
  conn.set_message_handler([&](const holdfast::message_view& got) { on_message(conn, got); });
  conn.run(net::detached);
  io.run();
  if (conn.snapshot().session == 0) throw std::runtime_error(url + ": " + describe(conn.snapshot().reason));
}

int main(int argc, char* argv[]) try {
  po::options_description shown("conformance_client ws://HOST:PORT [OPTION]...");
  shown.add_options()("agent", po::value<std::string>()->default_value("holdfast"), "our name in the report")(
      "compress", "offer permessage-deflate")("help,h", "print this");
  po::options_description known;
  known.add(shown).add_options()("url", po::value<std::string>()->default_value("ws://127.0.0.1:9001"));
  po::positional_options_description position;
  po::variables_map given;
  po::store(po::command_line_parser(argc, argv).options(known).positional(position.add("url", 1)).run(),
            given);
  if (given.count("help") != 0) return std::cout << shown, 0;

  const auto url = given["url"].as<std::string>();
  const auto agent = "agent=" + given["agent"].as<std::string>();
  const bool compress = given.count("compress") != 0;
  std::string answer;
  dial_once(url + "/getCaseCount", false, [&](auto&, const auto& got) { answer = got.payload; });
  const auto count = std::stoul(answer);
  for (auto number = 1UL; number <= count; ++number) {
    auto played = url;
    played.append("/runCase?case=").append(std::to_string(number)).append("&").append(agent);
    dial_once(played, compress,
              [](auto& conn, const auto& got) { conn.send(got.payload, {.kind = got.kind}, net::detached); });
  }
  dial_once(url + "/updateReports?" + agent, false, [](auto&, const auto&) {});
  std::cout << count << " cases played\n";
} catch (const std::exception& wrong) {
  std::cerr << "conformance_client: " << wrong.what() << '\n';
  return 2;
}
