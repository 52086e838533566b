#include "token.hpp"

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <boost/program_options/variables_map.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "command.hpp"

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

// The command runs beside the loop, which must not block.
boost::asio::awaitable<holdfast::credentials> ask(std::function<std::string()> source) {
  static boost::asio::thread_pool beside(1);
  auto token = std::make_shared<std::string>();
  const auto fetch = [token, source = std::move(source)]() -> boost::asio::awaitable<void> {
    *token = source();
    co_return;
  };
  co_await boost::asio::co_spawn(beside, fetch, boost::asio::use_awaitable);
  holdfast::credentials found{.token = *token};
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
