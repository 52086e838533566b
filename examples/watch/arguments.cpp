// A command line turned into holdfast::options. One learns that an options value is a plain aggregate, and
// that nobody but the library need check it: its error names the field.
#include "arguments.hpp"

#include <algorithm>
#include <boost/asio.hpp>
#include <boost/program_options.hpp>
#include <chrono>
#include <sstream>
#include <stdexcept>

namespace {

namespace po = boost::program_options;
using strings = std::vector<std::string>;

std::pair<std::string, std::string> to_header(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos) throw std::invalid_argument("--header must be NAME:VALUE");
  const auto value = std::min(text.find_first_not_of(' ', colon + 1), text.size());
  return {text.substr(0, colon), text.substr(value)};
}

template <class T>
T get(const po::variables_map& given, const char* name, const T& otherwise) {
  return given.count(name) != 0 ? given[name].as<T>() : otherwise;
}

// How to get to the server.
void add_way(const po::variables_map& given, holdfast::options& out) {
  out.endpoints.further_urls = get(given, "also", strings{});
  out.subprotocols = get(given, "subprotocol", strings{});
  out.compression.enabled = given.count("compress") != 0;
  out.proxy.url = get(given, "proxy", std::string{});
  out.tls.ca_file = get(given, "ca", std::string{});
  out.tls.certificate_file = get(given, "cert", std::string{});
  out.tls.key_file = get(given, "key", std::string{});
  if (given.count("insecure") != 0) out.tls.verify = holdfast::tls_verify::none;
  if (given.count("token") == 0) return;
  out.provider = [token = given["token"].as<std::string>()](
                     const holdfast::credential_request&) -> boost::asio::awaitable<holdfast::credentials> {
    co_return holdfast::credentials{.token = token};
  };
}

}  // namespace

watch_arguments parse_arguments(int argc, char* argv[]) {
  po::options_description shown(
      "watch URL [OPTION]...\nPrints states and messages of a web-socket, until Ctrl-C", 100);
  // clang-format off
  shown.add_options()
      ("send", po::value<strings>()->value_name("TEXT"), "send this at each connection; may be repeated")
      ("stdin", "send each line that is read, as a message")
      ("header", po::value<strings>()->value_name("NAME:VALUE"), "add this to the request; may be repeated")
      ("token", po::value<std::string>()->value_name("TOKEN"), "send Authorization: Bearer TOKEN, asked anew before each attempt")
      ("also", po::value<strings>()->value_name("URL"), "another endpoint with the same service; may be repeated")
      ("subprotocol", po::value<strings>()->value_name("NAME"), "offer this sub-protocol; may be repeated")
      ("compress", "offer permessage-deflate")
      ("proxy", po::value<std::string>()->value_name("URL"), "http:// or socks5://; otherwise HTTPS_PROXY, ALL_PROXY and NO_PROXY count")
      ("ca", po::value<std::string>()->value_name("FILE"), "trust these certificates instead of the system's")
      ("cert", po::value<std::string>()->value_name("FILE"), "client certificate")
      ("key", po::value<std::string>()->value_name("FILE"), "its key")
      ("insecure", "DANGER: take any certificate")
      ("ping", po::value<int>()->value_name("SECONDS"), "ping the server after so long a silence (20)")
      ("help,h", "print this");
  // clang-format on
  po::options_description known;
  known.add(shown).add_options()("url", po::value<std::string>());
  po::positional_options_description positions;
  po::variables_map given;
  po::store(po::command_line_parser(argc, argv).options(known).positional(positions.add("url", 1)).run(),
            given);

  watch_arguments out;
  if (given.count("help") != 0) out.help = (std::ostringstream() << shown).str();
  out.greetings = get(given, "send", strings{});
  out.reads_stdin = given.count("stdin") != 0;
  out.options.url = get(given, "url", std::string{});
  for (const auto& each : get(given, "header", strings{})) out.options.headers.push_back(to_header(each));
  add_way(given, out.options);
  if (given.count("ping") != 0) {
    out.options.heartbeat.ping_interval = std::chrono::seconds(given["ping"].as<int>());
  }
  return out;
}
