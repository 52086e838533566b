// A connection to wss://server/, and the server there, which shows what a trusted authority has issued.
#pragma once

#include <string>

#include "scenario.hpp"

inline const peer_address secure_server_at{server_at.address, 443};

struct wss_scenario : scenario {
  explicit wss_scenario(std::uint64_t seed = 1) : scenario(seed) {
    in.network()->listen(secure_server_at,
                         [this](transport accepted) { backend.accept(std::move(accepted)); });
    show(authority.issue());
    given.url = "wss://server/";
    given.tls.ca_pem = authority.certificate_pem();
  }
  void show(const issued_certificate& shown) {
    backend.use_tls({.certificate_pem = shown.certificate_pem, .key_pem = shown.key_pem});
  }
  test_authority authority;
};

inline bool between(clock::duration low, clock::duration value, clock::duration high) {
  return low <= value && value <= high;
}

// What is published when the first attempt, or the session that it became, has ended.
inline state_change first_failure(scenario& s, clock::duration within = 1min) {
  auto& conn = s.start();
  const bool failed = s.in.run_until(
      [&] { return conn.snapshot().sequence != 0 && conn.status() == connection_state::disconnected; },
      within);
  BOOST_REQUIRE(failed);
  return conn.snapshot();
}

// Sends `payload`, and gets it back.
inline bool echoes(scenario& s, const std::string& payload, clock::duration within = 1min) {
  outcome sent;
  std::optional<message> back;
  s.conn->send(payload, {.kind = message_kind::binary}, sent.send_handler());
  s.conn->receive([&](error_code, message got) { back = std::move(got); });
  s.in.run_until([&] { return back.has_value() && sent.calls != 0; }, within);
  return back && back->payload == payload && sent.delivered == delivery::written && sent.calls == 1;
}
