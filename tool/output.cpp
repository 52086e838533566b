#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "output.hpp"

namespace tool {
namespace {

bool in_colour() {
  static const bool wanted = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return wanted;
}

std::string_view escape(colour as) {
  switch (as) {
    case colour::good:
      return "\x1b[32m";
    case colour::bad:
      return "\x1b[31m";
    case colour::busy:
      return "\x1b[33m";
    case colour::quiet:
      return "\x1b[2m";
    case colour::none:
      break;
  }
  return "";
}

std::string calendar_text() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::system_clock::to_time_t(now);
  const auto parts =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm there{};
  gmtime_r(&seconds, &there);
  std::ostringstream out;
  out << std::put_time(&there, "%FT%T") << '.' << std::setfill('0') << std::setw(3) << parts << 'Z';
  return out.str();
}

}  // namespace

void print(std::string_view line, colour as) {
  if (as == colour::none || !in_colour()) {
    std::cout << line << std::endl;
  } else {
    std::cout << escape(as) << line << "\x1b[0m" << std::endl;
  }
}

void print_event(std::string_view line, colour as) {
  const auto now = std::time(nullptr);
  std::tm here{};
  localtime_r(&now, &here);
  std::ostringstream out;
  out << std::put_time(&here, "%T  ") << line;
  print(out.str(), as);
}

void print_json(std::string_view event, boost::json::object more) {
  boost::json::object line{{"time", calendar_text()}, {"event", event}};
  for (auto& each : more) line[each.key()] = std::move(each.value());
  std::cout << boost::json::serialize(line) << std::endl;
}

void say(std::string_view line) { std::cerr << line << '\n'; }

std::string duration_text(std::chrono::nanoseconds value) {
  const auto seconds = std::chrono::duration<double>(value).count();
  std::ostringstream out;
  out << std::fixed;
  if (seconds < 1.0) {
    out << std::setprecision(1) << seconds * 1000 << " ms";
  } else {
    out << std::setprecision(2) << seconds << " s";
  }
  return out.str();
}

}  // namespace tool
