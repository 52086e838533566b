// One client doing one workload so many times: for a tool that counts instructions. The server is another
// process, so that its instructions are not counted.
//
//   message_cost list                               workloads, clients, whether over TLS, messages at a time
//   message_cost serve                              prints both ports and a certificate; ends with its input
//   message_cost run WORKLOAD CLIENT COUNT PORT [AUTHORITY_FILE]
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "workloads.hpp"

namespace {

void list() {
  for (const auto& each : bench::workloads()) {
    for (const auto& who : each.clients)
      std::cout << each.name << ' ' << who.name << ' ' << (each.secure ? "wss" : "ws") << ' ' << each.count
                << '\n';
  }
}

const bench::workload& workload_named(std::string_view name) {
  const auto found = std::ranges::find(bench::workloads(), name, &bench::workload::name);
  if (found == bench::workloads().end())
    throw std::invalid_argument("no such workload: " + std::string(name));
  return *found;
}

void serve() {
  const bench::servers all;
  const auto plain = all.of({.name = {}, .secure = false, .behind = {}, .run = {}, .clients = {}});
  const auto secure = all.of({.name = {}, .secure = true, .behind = {}, .run = {}, .clients = {}});
  std::cout << plain.port << ' ' << secure.port << '\n' << secure.authority_pem << std::endl;
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());
  std::_Exit(0);  // its threads may wait for clients that were killed
}

template <class Number>
Number number(std::string_view text) {
  Number out{};
  if (std::from_chars(text.data(), text.data() + text.size(), out).ptr != text.data() + text.size())
    throw std::invalid_argument("not a number: " + std::string(text));
  return out;
}

void run(std::span<char*> words) {
  const auto& what = workload_named(words[0]);
  const auto who = std::ranges::find(what.clients, words[1], &bench::contender::name);
  if (who == what.clients.end()) throw std::invalid_argument("no such client: " + std::string(words[1]));
  bench::target to{.port = number<std::uint16_t>(words[3]), .path = bench::server::path(what.behind)};
  to.text = what.behind.text;
  to.compressed = what.behind.what == bench::behaviour::compressed;
  if (words.size() > 4) {
    std::ifstream file(words[4]);
    to.authority_pem.assign(std::istreambuf_iterator<char>(file), {});
  }
  const auto client = who->make(to);
  what.run(*client, number<std::size_t>(words[2]));
}

}  // namespace

int main(int argc, char** argv) {
  const std::span words(argv, static_cast<std::size_t>(argc));
  const std::string_view command = argc > 1 ? argv[1] : "";
  try {
    if (command == "list" && argc == 2) return list(), 0;
    if (command == "serve" && argc == 2) return serve(), 0;
    if (command == "run" && (argc == 6 || argc == 7)) return run(words.subspan(2)), 0;
  } catch (const std::exception& e) {
    std::cerr << "message_cost: " << e.what() << '\n';
    return 1;
  }
  std::cerr << "usage: message_cost list | serve | run WORKLOAD CLIENT COUNT PORT [AUTHORITY_FILE]\n";
  return 2;
}
