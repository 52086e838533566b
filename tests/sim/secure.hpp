// Names and certificates of the two servers. Keys are made once in a process: what they are does not show in
// a timeline, because all that is signed has the same length.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "plan.hpp"

import holdfast;
import holdfast.testing;
import holdfast.wire;

namespace sim {

// The first is the one that the program names; the second is reached by a redirect, and by addresses.
inline std::string host_of(const plan& what, std::size_t index) {
  const std::string name = index == 0 ? "server" : "other";
  return what.tls ? name + ".sim.test" : name;
}

inline std::string url_of(const plan& what, std::size_t index) {
  return (what.tls ? "wss://" : "ws://") + host_of(what, index) + '/';
}

inline const holdfast::testing::test_authority& authority() {
  static const holdfast::testing::test_authority one;
  return one;
}

inline const std::string& authority_pem() { return authority().certificate_pem(); }

inline std::shared_ptr<holdfast::tls_context> server_context() {
  static const auto one = [] {
    const auto issued = authority().issue({.host = "*.sim.test"});
    return std::make_shared<holdfast::tls_context>(
        holdfast::tls_server_options{.certificate_pem = issued.certificate_pem, .key_pem = issued.key_pem});
  }();
  return one;
}

}  // namespace sim
