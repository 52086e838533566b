// A command line turned into holdfast::options. One learns that an options value is a plain aggregate, and
// that nobody but the library need check it: its error names the field.
#include "arguments.hpp"

#include <algorithm>
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

}  // namespace

watch_arguments parse_arguments(int argc, char* argv[]) {
  po::options_description shown(
      "watch URL [OPTION]...\nPrints states and messages of a web-socket, until Ctrl-C", 100);
  // clang-format off
  shown.add_options()
      ("send", po::value<strings>()->value_name("TEXT"), "send this at each connection; may be repeated")
      ("stdin", "send each line that is read, as a message")
      ("header", po::value<strings>()->value_name("NAME:VALUE"), "add this to the request; may be repeated")
      ("compress", "offer the server to compress messages (permessage-deflate)")
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
  out.options.compression.enabled = given.count("compress") != 0;
  if (given.count("ping") != 0) {
    out.options.heartbeat.ping_interval = std::chrono::seconds(given["ping"].as<int>());
  }
  return out;
}
