#include <algorithm>
#include <boost/asio.hpp>
#include <boost/program_options.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"
#include "fields.hpp"
#include "token.hpp"

import holdfast;

namespace tool {
namespace {

using strings = std::vector<std::string>;

std::pair<std::string, std::string> to_header(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos) throw usage_error("--header must be NAME:VALUE");
  const auto value = std::min(text.find_first_not_of(' ', colon + 1), text.size());
  return {text.substr(0, colon), text.substr(value)};
}

holdfast::utf8_rule to_rule(const std::string& name) {
  if (name == "strict") return holdfast::utf8_rule::strict;
  if (name == "replace") return holdfast::utf8_rule::replace;
  if (name == "binary") return holdfast::utf8_rule::as_binary;
  throw usage_error("--invalid-text must be strict, replace or binary");
}

// How to get to the server.
void add_way(const po::variables_map& given, holdfast::options& out) {
  for (auto& each : get(given, "also", strings{})) out.endpoints.further_urls.push_back(std::move(each));
  for (auto& each : get(given, "subprotocol", strings{})) out.subprotocols.push_back(std::move(each));
  if (given.count("compress") != 0) out.compression.enabled = true;
  const auto set = [&](const char* name, std::string& field) {
    if (given.count(name) != 0) field = given[name].as<std::string>();
  };
  set("proxy", out.proxy.url);
  set("ca", out.tls.ca_file);
  set("cert", out.tls.certificate_file);
  set("key", out.tls.key_file);
  if (given.count("insecure") != 0) out.tls.verify = holdfast::tls_verify::none;
  out.provider = token_provider(given);
}

void add_heartbeat(const po::variables_map& given, holdfast::options& out) {
  const bool off = given.count("no-heartbeat") != 0;
  if (off) out.heartbeat = holdfast::heartbeat_options::off();
  if (given.count("ping") == 0) return;
  if (off) throw usage_error("--no-heartbeat and --ping exclude each other");
  const auto seconds = given["ping"].as<int>();
  if (seconds < 1) throw usage_error("--ping must be at least 1; see --no-heartbeat");
  out.heartbeat.ping_interval = std::chrono::seconds(seconds);
}

}  // namespace

po::options_description connection_arguments() {
  po::options_description out("The connection", 100);
  // clang-format off
  out.add_options()
      ("header", po::value<strings>()->value_name("NAME:VALUE"), "add this field to the upgrade request; may be repeated")
      ("token", po::value<std::string>()->value_name("TOKEN"), "send Authorization: Bearer TOKEN (other users of this machine can see it)")
      ("token-file", po::value<std::string>()->value_name("FILE"), "the same, with the first line of the file, read before each attempt")
      ("token-env", po::value<std::string>()->value_name("NAME"), "the same, with the value of this variable of the environment")
      ("token-command", po::value<std::string>()->value_name("COMMAND"), "the same, with the first line that this command prints, run before each attempt")
      ("also", po::value<strings>()->value_name("URL"), "another endpoint of the same service; may be repeated")
      ("subprotocol", po::value<strings>()->value_name("NAME"), "offer this subprotocol; may be repeated")
      ("compress", "offer permessage-deflate")
      ("proxy", po::value<std::string>()->value_name("URL"), "http:// or socks5://; without it, HTTPS_PROXY, ALL_PROXY and NO_PROXY apply")
      ("ca", po::value<std::string>()->value_name("FILE"), "trust these certificates instead of the system's")
      ("cert", po::value<std::string>()->value_name("FILE"), "present this client certificate")
      ("key", po::value<std::string>()->value_name("FILE"), "private key of the client certificate, if not in the same file")
      ("insecure", "DANGER: accept any certificate")
      ("ping", po::value<int>()->value_name("SECONDS"), "ping the server after this long a silence (default: 20)")
      ("no-heartbeat", "never ping: a server that goes silent is not noticed")
      ("option,o", po::value<strings>()->value_name("FIELD=VALUE"), "any option of the library by its name, such as retry.cap=10s; -o help lists them");
  // clang-format on
  return out;
}

parsed parse(arguments words, const po::options_description& shown, const char* position, int most) {
  po::options_description known;
  known.add(shown);
  po::positional_options_description positions;
  if (position != nullptr) {
    if (most == 1) {
      known.add_options()(position, po::value<std::string>());
    } else {
      known.add_options()(position, po::value<strings>());
    }
    positions.add(position, most);
  }
  parsed out;
  const strings all(words.begin(), words.end());
  po::store(po::command_line_parser(all).options(known).positional(positions).run(), out.given);
  const auto fields = get(out.given, "option", strings{});
  if (out.given.count("help") != 0) {
    std::cout << shown;
    out.is_answered = true;
  } else if (std::ranges::find(fields, "help") != fields.end()) {
    std::cout << list_fields();
    out.is_answered = true;
  }
  return out;
}

holdfast::options make_options(const po::variables_map& given) {
  holdfast::options out;
  for (const auto& each : get(given, "option", strings{})) set_field(out, each);
  out.url = get(given, "url", std::string{});
  if (out.url.empty()) throw usage_error("a URL is missing, such as wss://chat.example.org/");
  for (const auto& each : get(given, "header", strings{})) out.headers.push_back(to_header(each));
  add_way(given, out);
  add_heartbeat(given, out);
  if (given.count("once") != 0) out.retry = holdfast::retry_policy::once();
  if (given.count("no-messages") != 0) out.receive_messages = false;
  if (given.count("invalid-text") != 0) out.invalid_text = to_rule(given["invalid-text"].as<std::string>());
  return out;
}

}  // namespace tool
