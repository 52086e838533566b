// holdfast fleet: what a fleet holds, and changes to it, from any machine that reaches its broker.
#include <algorithm>
#include <boost/asio.hpp>
#include <boost/program_options.hpp>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"
#include "output.hpp"

import holdfast;
import holdfast.fleet;

namespace tool {
namespace fleet_command {
namespace {

namespace net = boost::asio;
namespace fleet = holdfast::fleet;
using strings = std::vector<std::string>;

po::options_description fleet_arguments() {
  po::options_description out(
      "usage: holdfast fleet COMMAND [WORD]... --fleet NAME [OPTION]...\n"
      "  status               workers, keys, and who holds what\n"
      "  add KEY [VALUE]      adds a key, or gives it another value; with - in place of KEY, a key from each "
      "line of\n"
      "                       standard input\n"
      "  remove KEY           removes a key: whoever holds it stops\n"
      "  drain WORKER         lets a worker hand all its keys over and end\n"
      "  send KEY TEXT        sends a message through whoever holds the key",
      100);
  // clang-format off
  out.add_options()
      ("fleet", po::value<std::string>()->value_name("NAME"), "the fleet")
      ("nats", po::value<std::string>()->value_name("URL"), "a NATS server; nats://127.0.0.1:4222 without it")
      ("creds", po::value<std::string>()->value_name("FILE"), "credentials of a NATS user (NKey and JWT)")
      ("ca", po::value<std::string>()->value_name("FILE"), "trusted certificates for tls:// (PEM)")
      ("json", "one object for each line, for programs")
      ("help,h", "print this");
  // clang-format on
  return out;
}

std::string word(const strings& words, std::size_t at, const char* name) {
  if (at >= words.size())
    throw usage_error(std::string("there must be a ") + name + "; see holdfast fleet --help");
  return words[at];
}

// Throws what the broker has said.
template <class Value>
Value checked(holdfast::result<Value> how) {
  if (!how) throw boost::system::system_error(how.error());
  if constexpr (!std::is_void_v<Value>) return std::move(*how);
}

// A key has bytes of any kind, and JSON only text.
std::string exactly(const std::string& key) {
  if (holdfast::is_valid_utf8(key)) return key;
  std::string out;
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    out += "0123456789abcdef"[byte >> 4U];
    out += "0123456789abcdef"[byte & 15U];
  }
  return out;
}

net::awaitable<int> show_status(fleet::client from, bool as_json) {
  const auto found = checked(co_await from.status());
  for (const auto& one : found.workers) {
    if (as_json) {
      print_json(
          "worker",
          {{"id", one.id}, {"capacity", one.capacity}, {"shards", one.shards}, {"draining", one.draining}});
      continue;
    }
    print("worker " + holdfast::one_line(one.id, 60) + ": " + std::to_string(one.shards) + " of " +
              std::to_string(one.capacity) + (one.draining ? ", drained" : ""),
          one.draining ? colour::quiet : colour::good);
  }
  std::size_t held = 0;
  for (const auto& one : found.keys) {
    held += one.worker.empty() ? 0U : 1U;
    if (as_json) {
      print_json("key", {{holdfast::is_valid_utf8(one.key) ? "key" : "key_hex", exactly(one.key)},
                         {"worker", one.worker},
                         {"epoch", one.epoch}});
      continue;
    }
    print("key " + holdfast::one_line(one.key, 60) + ": " +
              (one.worker.empty()
                   ? "held by nobody"
                   : holdfast::one_line(one.worker, 60) + ", epoch " + std::to_string(one.epoch)),
          one.worker.empty() ? colour::bad : colour::none);
  }
  if (!as_json) print(std::to_string(held) + " of " + std::to_string(found.keys.size()) + " keys are held");
  co_return ended_well;
}

net::awaitable<int> add(fleet::client to, strings words) {
  if (word(words, 1, "key") != "-") {
    const auto value = words.size() > 2 ? words[2] : std::string();
    checked(co_await to.add(words[1], value));
    co_return ended_well;
  }
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty()) checked(co_await to.add(line));
  }
  co_return ended_well;
}

net::awaitable<int> send(fleet::client through, strings words) {
  const auto how = co_await through.send(word(words, 1, "key"), word(words, 2, "text"));
  print(std::string(to_string(how.outcome)) + (how.reason ? ": " + how.reason.message() : ""));
  co_return how.ok() ? ended_well : failed;
}

net::awaitable<int> act(fleet::client with, strings words, bool as_json) {
  const auto command = word(words, 0, "command");
  if (command == "status") co_return co_await show_status(with, as_json);
  if (command == "add") co_return co_await add(with, words);
  if (command == "send") co_return co_await send(with, words);
  if (command == "remove") {
    checked(co_await with.remove(word(words, 1, "key")));
  } else if (command == "drain") {
    checked(co_await with.drain(word(words, 1, "worker")));
  } else {
    throw usage_error("there is no command \"" + holdfast::one_line(command, 60) +
                      "\"; see holdfast fleet --help");
  }
  co_return ended_well;
}

}  // namespace

int run(arguments words) {
  const auto [given, is_answered] = parse(words, fleet_arguments(), "words", -1);
  if (is_answered) return ended_well;
  fleet::nats_options how{.fleet = get(given, "fleet", std::string()),
                          .replicas = 0,  // workers make what there is to be
                          .credentials_file = get(given, "creds", std::string()),
                          .ca_file = get(given, "ca", std::string())};
  if (how.fleet.empty()) throw usage_error("--fleet must be given");
  if (given.contains("nats")) how.servers = {given["nats"].as<std::string>()};
  how.log = [](holdfast::log_level level, std::string_view line) {
    if (level == holdfast::log_level::warning || level == holdfast::log_level::error) say(line);
  };
  net::io_context io(1);
  const fleet::client client(fleet::nats(how));
  int status = failed;
  net::co_spawn(io, act(client, get(given, "words", strings()), given.contains("json")),
                [&](const std::exception_ptr& thrown, int result) {
                  if (thrown) std::rethrow_exception(thrown);
                  status = result;
                });
  io.run();
  return status;
}

}  // namespace fleet_command

int manage_fleet(arguments words) { return fleet_command::run(words); }

}  // namespace tool
