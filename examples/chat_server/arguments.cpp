// A command line turned into settings. One learns to check what a person typed where it is read: a negative
// number must not become a large one, nor a time one that overflows.
#include "arguments.hpp"

#include <boost/program_options.hpp>
#include <sstream>
#include <stdexcept>

namespace {

namespace po = boost::program_options;

// program_options reads -1 as an unsigned number without a complaint, so all numbers are read as signed ones.
template <class T>
void read(const po::variables_map& given, const char* name, std::int64_t largest, T& out) {
  if (given.count(name) == 0) return;
  const auto value = given[name].as<std::int64_t>();
  if (value < 0 || value > largest) {
    throw std::invalid_argument("--" + std::string(name) + " must be from 0 to " + std::to_string(largest));
  }
  out = static_cast<T>(value);
}

std::chrono::milliseconds to_duration(double seconds, const char* name) {
  constexpr double a_year = 365.0 * 24 * 3600;
  if (!(seconds >= 0 && seconds <= a_year)) {
    throw std::invalid_argument("--" + std::string(name) + " must be from 0 seconds to a year");
  }
  return std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

}  // namespace

settings parse_arguments(int argc, char* argv[]) {
  po::options_description known("chat_server [OPTION]...\nServes the chat on 127.0.0.1, until Ctrl-C", 100);
  // clang-format off
  known.add_options()
      ("port", po::value<std::int64_t>()->value_name("N"), "0, the default: any free port")
      ("buffer", po::value<std::int64_t>()->value_name("N"), "events kept per session, for a resume (1000)")
      ("keep", po::value<double>()->value_name("SECONDS"), "how long a session without a socket is kept (60)")
      ("typing-per-second", po::value<std::int64_t>()->value_name("N"), "throttle a client's typing above this rate (5)")
      ("token", po::value<std::string>()->value_name("T"), "admit only clients that present this token")
      ("go-away-after", po::value<double>()->value_name("SECONDS"), "ask each socket to leave at this age")
      ("help,h", "print this");
  // clang-format on
  po::variables_map given;
  // The empty list of positions makes a stray word an error.
  po::store(po::command_line_parser(argc, argv).options(known).positional({}).run(), given);

  settings out;
  if (given.count("help") != 0) out.help = (std::ostringstream() << known).str();
  read(given, "port", 65535, out.port);
  read(given, "buffer", 1'000'000, out.buffered_events_count);
  read(given, "typing-per-second", 1'000'000, out.typing_per_second);
  if (given.count("keep") != 0) out.keep = to_duration(given["keep"].as<double>(), "keep");
  if (given.count("token") != 0) out.token = given["token"].as<std::string>();
  if (given.count("go-away-after") != 0) {
    out.go_away_after = to_duration(given["go-away-after"].as<double>(), "go-away-after");
  }
  return out;
}
