// A command line turned into holdfast::options. One learns that an options value is a plain aggregate, and
// that nobody but the library need check it: its error names the field.
#include <algorithm>
#include <boost/asio.hpp>
#include <boost/program_options.hpp>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "settings.hpp"

namespace {

namespace po = boost::program_options;
using strings = std::vector<std::string>;

std::pair<std::string, std::string> to_header(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos) throw std::invalid_argument("--header must be NAME:VALUE");
  const auto value = std::min(text.find_first_not_of(' ', colon + 1), text.size());
  return {text.substr(0, colon), text.substr(value)};
}

holdfast::utf8_rule to_rule(const std::string& name) {
  if (name == "strict") return holdfast::utf8_rule::strict;
  if (name == "replace") return holdfast::utf8_rule::replace;
  if (name == "binary") return holdfast::utf8_rule::as_binary;
  throw std::invalid_argument("--invalid-text must be strict, replace or binary");
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

void add_heartbeat(const po::variables_map& given, holdfast::options& out) {
  const bool off = given.count("no-heartbeat") != 0;
  if (off) out.heartbeat = holdfast::heartbeat_options::off();
  if (given.count("ping") == 0) return;
  if (off) throw std::invalid_argument("--no-heartbeat and --ping exclude each other");
  const auto seconds = given["ping"].as<int>();
  if (seconds < 1) throw std::invalid_argument("--ping must be at least 1; see --no-heartbeat");
  out.heartbeat.ping_interval = std::chrono::seconds(seconds);
}

}  // namespace

holdfast::options make_options(const po::variables_map& given) {
  holdfast::options out;
  out.url = get(given, "url", std::string{});
  for (const auto& each : get(given, "header", strings{})) out.headers.push_back(to_header(each));
  add_way(given, out);
  add_heartbeat(given, out);
  if (given.count("once") != 0) out.retry = holdfast::retry_policy::once();
  out.receive_messages = given.count("no-messages") == 0;
  out.invalid_text = to_rule(get(given, "invalid-text", std::string("strict")));
  return out;
}
