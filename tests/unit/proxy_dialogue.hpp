// What the tests of both dialogues with a proxy share: the proxy's part, as what it expects and
// answers.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

import holdfast;
import holdfast.wire;

namespace holdfast {
inline std::ostream& operator<<(std::ostream& out, proxy_progress value) {
  return out << (value == proxy_progress::open     ? "open"
                 : value == proxy_progress::failed ? "failed"
                                                   : "needs_input");
}
}  // namespace holdfast

namespace proxy_test {

using namespace std::string_literals;

// One question of ours and the proxy's answer to it.
struct exchange {
  std::string question;
  std::string answer;
};

struct outcome {
  holdfast::proxy_progress progress;
  holdfast::error_code error{};
  unsigned http_status = 0;
  std::string detail{};
  std::string rest{};
};

inline void feed(holdfast::proxy_handshake& proxy, std::string_view bytes, std::size_t piece) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
    proxy.feed(bytes.substr(0, piece));
}

inline std::string as_hex(std::string_view bytes) {
  std::string out;
  for (const char each : bytes) {
    const auto byte = static_cast<unsigned char>(each);
    out += "0123456789abcdef"[byte >> 4U];
    out += "0123456789abcdef"[byte & 15U];
    out += ' ';
  }
  return out;
}

inline void check_outcome(holdfast::proxy_handshake& proxy, const outcome& expected) {
  BOOST_TEST(proxy.progress() == expected.progress);
  BOOST_TEST(proxy.error() == expected.error);
  BOOST_TEST(proxy.http_status() == expected.http_status);
  BOOST_TEST(proxy.detail() == expected.detail);
  BOOST_TEST(proxy.take_rest() == expected.rest);
  BOOST_TEST(proxy.take_output().empty());
}

// Plays the script in pieces of each size, so that every border between two pieces has been there once.
template <class Make>
void check_dialogue(const Make& make, const std::vector<exchange>& script, const outcome& expected) {
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 100'000U}) {
    BOOST_TEST_CONTEXT("in pieces of " << piece << " bytes") {
      holdfast::proxy_handshake proxy = make();
      for (const auto& [question, answer] : script) {
        BOOST_TEST(proxy.progress() == holdfast::proxy_progress::needs_input);
        BOOST_TEST(as_hex(proxy.take_output()) == as_hex(question));
        feed(proxy, answer, piece);
      }
      check_outcome(proxy, expected);
    }
  }
}

// Rubbish from a seed: random bytes, or a good answer with some bytes changed, cut or repeated.
class rubbish {
 public:
  explicit rubbish(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }

  std::string bytes(std::size_t most) {
    std::string out(below(most + 1), '\0');
    for (auto& each : out) each = static_cast<char>(below(256));
    return out;
  }

  std::string spoiled(std::string good) {
    for (auto changes = 1 + below(3); changes != 0 && !good.empty(); --changes) {
      const auto at = below(good.size());
      switch (below(4)) {
        case 0:
          good[at] = static_cast<char>(below(256));
          break;
        case 1:
          good.erase(at, 1 + below(4));
          break;
        case 2:
          good.insert(at, bytes(4));
          break;
        default:
          good.resize(at);
      }
    }
    return good;
  }

 private:
  std::mt19937 random_;
};

// Whatever came: it is one of three states, what it says is fit to be shown, and it keeps what it must.
inline void check_sane(holdfast::proxy_handshake& proxy) {
  const auto failed = proxy.progress() == holdfast::proxy_progress::failed;
  BOOST_TEST(failed == static_cast<bool>(proxy.error()));
  BOOST_TEST(failed == !proxy.detail().empty());
  BOOST_TEST(proxy.detail().size() <= 120U);
  BOOST_TEST(holdfast::one_line(proxy.detail(), 120) == proxy.detail());
  if (proxy.progress() != holdfast::proxy_progress::open) BOOST_TEST(proxy.take_rest().empty());
  if (failed) BOOST_TEST(proxy.take_output().empty());
}

}  // namespace proxy_test
