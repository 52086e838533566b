#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <boost/program_options/variables_map.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "command.hpp"
#include "token.hpp"

import holdfast;

namespace tool {
namespace {

std::string first_line(std::string text) {
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  return text;
}

std::string of_file(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) throw std::runtime_error("--token-file: it cannot be read, or is empty");
  return first_line(line);
}

std::string of_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) throw std::runtime_error("--token-env: the variable is not set");
  return value;
}

// In a shell, as `git` runs its credential helpers.
std::string of_command(const std::string& command) {
  auto* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("--token-command: it cannot be run");
  std::string out;
  std::array<char, 4096> piece{};
  while (const auto count = std::fread(piece.data(), 1, piece.size(), pipe)) out.append(piece.data(), count);
  if (::pclose(pipe) != 0) throw std::runtime_error("--token-command: it has failed");
  if (out.empty()) throw std::runtime_error("--token-command: it has printed nothing");
  return first_line(std::move(out));
}

// On a thread of its own, because a command must not block the loop; which ends only when the command has.
boost::asio::awaitable<holdfast::credentials> ask(std::function<std::string()> source) {
  namespace net = boost::asio;
  const auto here = net::prefer(co_await net::this_coro::executor, net::execution::outstanding_work.tracked);
  const auto begin = [&](auto handler) {
    std::thread([here, source, handler = std::move(handler)]() mutable {
      std::exception_ptr thrown;
      std::string token;
      try {
        token = source();
      } catch (...) {
        thrown = std::current_exception();
      }
      net::post(here, [handler = std::move(handler), thrown, token = std::move(token)]() mutable {
        std::move(handler)(thrown, std::move(token));
      });
    }).detach();
  };
  auto token =
      co_await net::async_initiate<const net::use_awaitable_t<>, void(std::exception_ptr, std::string)>(
          begin, net::use_awaitable);
  holdfast::credentials found{.token = std::move(token)};
  co_return found;
}

}  // namespace

holdfast::credential_provider token_provider(const boost::program_options::variables_map& given) {
  std::vector<std::function<std::string()>> sources;
  const auto add = [&](const char* name, auto read) {
    if (given.count(name) != 0)
      sources.push_back([read, from = given[name].template as<std::string>()] { return read(from); });
  };
  add("token", [](const std::string& token) { return token; });
  add("token-file", of_file);
  add("token-env", of_environment);
  add("token-command", of_command);
  if (sources.empty()) return {};
  if (sources.size() > 1)
    throw usage_error("--token, --token-file, --token-env and --token-command exclude each other");
  return [source = sources.front()](const holdfast::credential_request&) { return ask(source); };
}

}  // namespace tool
