// The command line of `watch`: what there is to be set, and how it is explained.
#include <boost/program_options.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "settings.hpp"

namespace {

namespace po = boost::program_options;
using strings = std::vector<std::string>;

constexpr std::size_t close_text_most_bytes = 123;  // RFC 6455 section 5.5, less the code

po::options_description describe_options() {
  po::options_description out(
      "watch URL [OPTION]...\nPrints the states and messages of a WebSocket connection until Ctrl-C", 100);
  // clang-format off
  out.add_options()
      ("send", po::value<strings>()->value_name("TEXT"), "send this text after each connect; may be repeated")
      ("stdin", "send each line of standard input as a message")
      ("no-messages", "discard the messages of the server")
      ("invalid-text", po::value<std::string>()->value_name("RULE"), "text that is not UTF-8: strict (ends the session, the default), replace (by U+FFFD) or binary")
      ("header", po::value<strings>()->value_name("NAME:VALUE"), "add this field to the upgrade request; may be repeated")
      ("token", po::value<std::string>()->value_name("TOKEN"), "send Authorization: Bearer TOKEN with each attempt")
      ("also", po::value<strings>()->value_name("URL"), "another endpoint of the same service; may be repeated")
      ("once", "connect once: the end of the first attempt or session ends the program")
      ("subprotocol", po::value<strings>()->value_name("NAME"), "offer this subprotocol; may be repeated")
      ("compress", "offer permessage-deflate")
      ("proxy", po::value<std::string>()->value_name("URL"), "http:// or socks5://; without it, HTTPS_PROXY, ALL_PROXY and NO_PROXY apply")
      ("ca", po::value<std::string>()->value_name("FILE"), "trust these certificates instead of the system's")
      ("cert", po::value<std::string>()->value_name("FILE"), "present this client certificate")
      ("key", po::value<std::string>()->value_name("FILE"), "private key of the client certificate, if not in the same file")
      ("insecure", "DANGER: accept any certificate")
      ("ping", po::value<int>()->value_name("SECONDS"), "ping the server after this long a silence (default: 20)")
      ("no-heartbeat", "never ping: a server that goes silent is not noticed")
      ("close-text", po::value<std::string>()->value_name("TEXT"), "text of the close frame that is sent at Ctrl-C")
      ("help,h", "print this");
  // clang-format on
  return out;
}

}  // namespace

watch_arguments parse_arguments(int argc, char* argv[]) {
  const auto shown = describe_options();
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
  out.close_text = get(given, "close-text", std::string{});
  if (out.close_text.size() > close_text_most_bytes)
    throw std::invalid_argument("--close-text must not be longer than 123 bytes");
  out.options = make_options(given);
  return out;
}
