// Proxies that keep to their script, a connection that goes through one, and a search for secrets in all that
// it says.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "middlebox.hpp"
#include "secure.hpp"

inline const peer_address proxy_at{net::ip::make_address("10.0.0.9"), 3128};

inline std::string bytes_of(std::initializer_list<unsigned> values) {
  std::string out;
  for (const auto each : values) out += static_cast<char>(each);
  return out;
}

inline bool is_whole_head(std::string_view said) { return said.ends_with("\r\n\r\n"); }

inline std::vector<box_step> http_proxy(std::string reply = "HTTP/1.1 200 Connection established\r\n\r\n") {
  return {{is_whole_head, std::move(reply)}};
}

// RFC 1928 section 3: version, count, methods; RFC 1929 section 2; RFC 1928 section 4, for a name.
inline bool is_whole_greeting(std::string_view said) {
  return said.size() >= 2 && said.size() == 2U + static_cast<unsigned char>(said[1]);
}
inline bool are_whole_credentials(std::string_view said) {
  if (said.size() < 2) return false;
  const auto name = 2U + static_cast<unsigned char>(said[1]);
  return said.size() > name && said.size() == name + 1U + static_cast<unsigned char>(said[name]);
}
inline bool is_whole_request(std::string_view said) {
  return said.size() >= 5 && said.size() == 7U + static_cast<unsigned char>(said[4]);
}

inline const std::string socks5_opened = bytes_of({5, 0, 0, 1, 0, 0, 0, 0, 0, 0});

inline std::vector<box_step> socks5_proxy(std::string reply = socks5_opened) {
  return {{is_whole_greeting, bytes_of({5, 0})}, {is_whole_request, std::move(reply)}};
}
inline std::vector<box_step> socks5_proxy_with_credentials(std::string verdict = bytes_of({1, 0})) {
  return {{is_whole_greeting, bytes_of({5, 2})},
          {are_whole_credentials, std::move(verdict)},
          {is_whole_request, socks5_opened}};
}

// A way to ws://server/ or wss://server/ through a proxy at http://proxy:3128, or socks5://. The name of the
// server is known to the proxy only: who looks it up himself never ends.
struct proxy_scenario : wss_scenario {
  explicit proxy_scenario(proxy_kind kind = proxy_kind::http, bool secure = false)
      : plain(in, server_at),
        proxy(in, proxy_at, secure ? secure_server_at : server_at,
              kind == proxy_kind::http ? http_proxy() : socks5_proxy()) {
    in.network()->break_name("server", {});
    in.network()->add_name("proxy", {proxy_at.address});
    given.url = secure ? "wss://server/" : "ws://server/";
    given.proxy.url = kind == proxy_kind::http ? "http://proxy:3128" : "socks5://proxy:3128";
  }
  // "user" and a password that is easy to find.
  void use_credentials() { given.proxy.url.insert(given.proxy.url.find("//") + 2, "user:s3cr3t@"); }

  server plain;
  middlebox proxy;
};

struct way {
  const char* name;
  proxy_kind kind;
  bool secure;
};
inline const std::vector<way> all_ways{{"ws through HTTP", proxy_kind::http, false},
                                       {"wss through HTTP", proxy_kind::http, true},
                                       {"ws through SOCKS5", proxy_kind::socks5, false},
                                       {"wss through SOCKS5", proxy_kind::socks5, true}};

// All that a person could get to see of what has happened.
inline std::string all_texts(const scenario& s, const recorder& seen) {
  std::string out;
  for (const auto& each : seen.changes()) {
    out += describe(static_cast<const state_change&>(each)) + '\n' + describe(each.reason) + '\n' +
           each.reason.error.message() + '\n' + each.reason.detail + '\n' + each.reason.peer + '\n' +
           each.origin + '\n' + each.peer + '\n' + each.rule + '\n' + each.subprotocol + '\n';
  }
  for (const auto& line : s.log_lines) out += line + '\n';
  return out;
}

// As it is, in Base64 as "user:s3cr3t", and percent-encoded.
inline bool has_secret(std::string_view text) {
  for (const std::string_view secret : {"s3cr3t", "dXNlcjpzM2NyM3Q", "s3cr%33t", "user:"}) {
    if (text.find(secret) != std::string_view::npos) return true;
  }
  return false;
}
