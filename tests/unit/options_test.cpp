// Every wrong option is refused by validate() with one line that names its field.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

import holdfast;
import holdfast.wire;

using namespace holdfast;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(options_are_validated)

namespace {

options good() { return {.url = "ws://example.org/chat"}; }

void check_refused(const options& given, std::string_view field) {
  try {
    validate(given);
    BOOST_ERROR("accepted, although " << field << " is wrong");
  } catch (const option_error& problem) {
    const std::string_view what = problem.what();
    BOOST_TEST(problem.field() == field);
    BOOST_TEST(what.starts_with("options." + std::string(field) + ": "));
    BOOST_TEST(what.size() > std::string_view("options.: ").size() + field.size());
    BOOST_TEST(what.find_first_of("\r\n") == std::string_view::npos);
  }
}

void check_url_refused(std::string url) {
  BOOST_TEST_CONTEXT("url " << url) {
    auto given = good();
    given.url = std::move(url);
    check_refused(given, "url");
  }
}

void check_url_accepted(std::string url) {
  BOOST_TEST_CONTEXT("url " << url) {
    auto given = good();
    given.url = std::move(url);
    BOOST_CHECK_NO_THROW(validate(given));
  }
}

void check_header_refused(std::string name, std::string value) {
  BOOST_TEST_CONTEXT("header " << name << ": " << value) {
    auto given = good();
    given.headers = {{"X-First", "fine"}, {std::move(name), std::move(value)}};
    check_refused(given, "headers");
  }
}

struct wrong_option {
  std::string_view field;
  void (*spoil)(options&);
};

void check_all_refused(const std::vector<wrong_option>& wrong) {
  for (const auto& [field, spoil] : wrong) {
    BOOST_TEST_CONTEXT("field " << field) {
      auto given = good();
      spoil(given);
      check_refused(given, field);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_defaults_are_valid) { BOOST_CHECK_NO_THROW(validate(good())); }

BOOST_AUTO_TEST_CASE(an_option_error_is_an_invalid_argument) {
  BOOST_CHECK_THROW(validate(options{}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(usual_urls_are_accepted) {
  for (const char* url : {"ws://example.org", "ws://example.org/", "ws://example.org?x=1", "ws://localhost:1",
                          "ws://example.org:65535/chat?room=1&user=a%20b", "ws://127.0.0.1:8080/a/b/c",
                          "ws://xn--bcher-kva.example/"}) {
    check_url_accepted(url);
  }
}

BOOST_AUTO_TEST_CASE(ipv6_literals_are_accepted_with_and_without_a_port) {
  for (const char* url : {"ws://[::1]", "ws://[::1]:8080", "ws://[2001:db8::1]/chat",
                          "ws://[2001:db8::1]:8080/chat", "ws://[fe80::1%25eth0]/", "ws://[fe80::1%eth0]/"}) {
    check_url_accepted(url);
  }
  for (const char* url : {"ws://[::1", "ws://::1]/", "ws://[2001:db8::zz]/", "ws://[::1]:0",
                          "ws://[::1]:65536", "ws://[v7.abc]/"}) {
    check_url_refused(url);
  }
}

// RFC 3986 section 3.1: schemes are case-insensitive.
BOOST_AUTO_TEST_CASE(the_scheme_is_read_in_any_case) {
  check_url_accepted("WS://example.org/");
  check_url_accepted("WSS://example.org/");
  check_url_refused("HTTP://example.org/");
}

BOOST_AUTO_TEST_CASE(a_missing_url_is_refused) { check_url_refused(""); }

BOOST_AUTO_TEST_CASE(another_scheme_is_refused) {
  for (const char* url : {"http://example.org/", "https://example.org/", "ftp://example.org/", "example.org",
                          "example.org:80", "//example.org/", "/chat"}) {
    check_url_refused(url);
  }
}

BOOST_AUTO_TEST_CASE(credentials_in_a_url_are_refused_with_the_true_reason) {
  auto given = good();
  given.url = "wss://user@example.org/";
  BOOST_CHECK_EXCEPTION(validate(given), option_error, [](const option_error& problem) {
    return std::string_view(problem.what()).find("credentials") != std::string_view::npos;
  });
}

BOOST_AUTO_TEST_CASE(the_way_to_the_server_is_checked_too) {
  const auto refuses = [](const char* field, auto change) {
    auto given = good();
    change(given);
    check_refused(given, field);
  };
  refuses("endpoints.further_urls[1]",
          [](options& o) { o.endpoints.further_urls = {"ws://b/", "http://c/"}; });
  refuses("endpoints.cool_down", [](options& o) { o.endpoints.cool_down = std::chrono::milliseconds(-1); });
  refuses("subprotocols", [](options& o) { o.subprotocols = {"chat, v2"}; });
  refuses("subprotocols", [](options& o) { o.subprotocols = {"chat", "chat"}; });
  refuses("subprotocol", [](options& o) { o.subprotocol = subprotocol_rule::required; });
  refuses("proxy.url", [](options& o) { o.proxy.url = "ftp://proxy/"; });
  refuses("deadlines.proxy", [](options& o) { o.deadlines.proxy = std::chrono::milliseconds(0); });
  refuses("deadlines.tls", [](options& o) { o.deadlines.tls = std::chrono::milliseconds(0); });
}

// covers R60
BOOST_AUTO_TEST_CASE(plaintext_beside_tls_is_refused_unless_that_very_url_is_listed) {
  const auto with = [](std::string url, std::vector<std::string> further,
                       std::vector<std::string> plaintext) {
    options given{.url = std::move(url)};
    given.endpoints.further_urls = std::move(further);
    given.endpoints.plaintext_urls = std::move(plaintext);
    return given;
  };
  check_refused(with("wss://a/", {"ws://b/"}, {}), "endpoints.further_urls[0]");
  check_refused(with("wss://a/", {"wss://b/", "ws://c/"}, {}), "endpoints.further_urls[1]");
  check_refused(with("ws://a/", {"ws://b/", "wss://c/"}, {}), "url");
  check_refused(with("ws://a/", {"ws://b/", "wss://c/"}, {"ws://a/"}), "endpoints.further_urls[0]");
  check_refused(with("wss://a/", {"ws://b/"}, {"ws://b/other", "ws://b:81/"}), "endpoints.plaintext_urls[0]");
  check_refused(with("wss://a/", {"ws://b/", "ws://b/other"}, {"ws://b/other"}), "endpoints.further_urls[0]");
  BOOST_CHECK_NO_THROW(validate(with("wss://a/", {"ws://b/"}, {"ws://b/"})));
  BOOST_CHECK_NO_THROW(validate(with("wss://a/", {"ws://b/my room"}, {" WS://B:80/my%20room"})));
  BOOST_CHECK_NO_THROW(validate(with("ws://a/", {"ws://b/", "wss://c/"}, {"ws://b/", "ws://a/"})));
  BOOST_CHECK_NO_THROW(validate(with("ws://a/", {"ws://b/"}, {})));
  BOOST_CHECK_NO_THROW(validate(with("wss://a/", {"wss://b/"}, {})));
  BOOST_CHECK_EXCEPTION(validate(with("wss://a/", {"ws://b/"}, {})), option_error, [](const option_error& e) {
    return std::string_view(e.what()).ends_with(
        "is ws:// although another endpoint is wss://: to use it without credentials, list it in "
        "endpoints.plaintext_urls too");
  });
}

// covers R60
BOOST_AUTO_TEST_CASE(what_is_listed_as_plaintext_is_one_of_the_endpoints_and_plaintext) {
  const auto refuses = [](std::string listed) {
    BOOST_TEST_CONTEXT("listed " << listed) {
      options given{.url = "wss://a/"};
      given.endpoints.further_urls = {"ws://b/"};
      given.endpoints.plaintext_urls = {"ws://b/", std::move(listed)};
      check_refused(given, "endpoints.plaintext_urls[1]");
    }
  };
  for (const char* url : {"wss://a/", "wss://b/", "ws://a/", "ws://c/", "http://b/", "", "ws://me@b/"})
    refuses(url);
}

BOOST_AUTO_TEST_CASE(a_url_without_a_host_is_refused) {
  for (const char* url : {"ws:", "ws://", "ws:///chat", "ws://:80/", "ws:chat"}) check_url_refused(url);
}

BOOST_AUTO_TEST_CASE(credentials_in_a_url_are_refused_and_never_repeated) {
  for (const char* url :
       {"ws://user@example.org/", "ws://user:hunter2@example.org/", "ws://:hunter2@example.org/"}) {
    check_url_refused(url);
    auto given = good();
    given.url = url;
    BOOST_CHECK_EXCEPTION(validate(given), option_error, [](const option_error& problem) {
      return std::string_view(problem.what()).find("hunter2") == std::string_view::npos;
    });
  }
}

BOOST_AUTO_TEST_CASE(a_fragment_is_refused) {
  check_url_refused("ws://example.org/#top");
  check_url_refused("ws://example.org/#");
}

BOOST_AUTO_TEST_CASE(a_port_outside_1_to_65535_is_refused) {
  for (const char* port : {"0", "00", "65536", "99999", "18446744073709551696", "-1", "http", "80x"}) {
    check_url_refused("ws://example.org:" + std::string(port) + "/");
  }
}

BOOST_AUTO_TEST_CASE(spaces_in_the_host_and_line_breaks_in_a_url_are_refused) {
  for (const char* url : {"ws://exa mple.org/", "ws://exa%20mple.org/", "ws://example.org/\r\nX-Evil: 1",
                          "ws://exam%0d%0aple.org/", "ws://exam%00ple.org/", "ws://exam%7Fple.org/"}) {
    check_url_refused(url);
  }
}

// covers R58
BOOST_AUTO_TEST_CASE(what_a_browser_repairs_in_a_url_is_accepted) {
  for (const char* url : {" ws://example.org/", "ws://example.org/\n", "ws://example.org/a b",
                          "ws://example.org/?filter={\"a\":[1|2]}", "ws://example.org/100%",
                          "ws:\\\\example.org\\chat", "ws://example.org:/"}) {
    check_url_accepted(url);
  }
}

// covers R58
BOOST_AUTO_TEST_CASE(a_host_beyond_ascii_is_accepted_if_it_can_be_turned_into_ascii) {
  for (const char* url : {"ws://b\u00fccher.example/", "ws://b%C3%BCcher.example/"}) {
    if (knows_international_names()) {
      check_url_accepted(url);
    } else {
      check_url_refused(url);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_header_name_that_is_no_token_is_refused) {
  for (const char* name : {"", "X Y", "X:", "X\r\nY", "X\ty", "X(Y)", "X\u00e4"})
    check_header_refused(name, "v");
}

BOOST_AUTO_TEST_CASE(a_header_value_with_a_control_character_is_refused_and_never_repeated) {
  using namespace std::string_literals;
  for (const auto& value : {"a\r\nX-Evil: 1"s, "a\nb"s, "a\rb"s, "a\0b"s, "a\x1b[31m"s, "a\x7f"s}) {
    check_header_refused("X-Mine", value);
  }
  auto given = good();
  given.headers = {{"Authorization", "Bearer hunter2\n"}};
  BOOST_CHECK_EXCEPTION(validate(given), option_error, [](const option_error& problem) {
    const std::string_view what = problem.what();
    return what.find("Authorization") != std::string_view::npos &&
           what.find("hunter2") == std::string_view::npos;
  });
}

BOOST_AUTO_TEST_CASE(headers_of_the_handshake_are_reserved_in_any_case) {
  for (const char* name :
       {"Host", "hOST", "Upgrade", "connection", "Sec-WebSocket-Key", "sec-websocket-version",
        "SEC-WEBSOCKET-EXTENSIONS", "Content-Length", "transfer-encoding"}) {
    check_header_refused(name, "v");
  }
}

BOOST_AUTO_TEST_CASE(headers_of_the_user_are_accepted) {
  auto given = good();
  given.headers = {{"Authorization", "Bearer abc"},
                   {"Cookie", "a=b; c=d"},
                   {"Origin", "http://example.org"},
                   {"X-Tab", "a\tb"},
                   {"X-Empty", ""},
                   {"Hosts", "not Host"}};
  BOOST_CHECK_NO_THROW(validate(given));
}

BOOST_AUTO_TEST_CASE(a_user_agent_with_a_line_break_is_refused) {
  for (const char* agent : {"mine\r\nX-Evil: 1", "mine\n", "mi\rne", "mi\x7fne"}) {
    auto given = good();
    given.user_agent = agent;
    check_refused(given, "user_agent");
  }
}

BOOST_AUTO_TEST_CASE(every_duration_must_be_longer_than_zero) {
  check_all_refused({
      {"retry.base", [](options& o) { o.retry.base = 0ms; }},
      {"retry.base", [](options& o) { o.retry.base = -1ms; }},
      {"retry.cap", [](options& o) { o.retry.cap = 0ms; }},
      {"retry.stable_after", [](options& o) { o.retry.stable_after = 0ms; }},
      {"heartbeat.pong_deadline", [](options& o) { o.heartbeat.pong_deadline = -5ms; }},
      {"heartbeat.probe_deadline", [](options& o) { o.heartbeat.probe_deadline = 0ms; }},
      {"deadlines.attempt", [](options& o) { o.deadlines.attempt = 0ms; }},
      {"deadlines.provider", [](options& o) { o.deadlines.provider = 0ms; }},
      {"deadlines.resolve", [](options& o) { o.deadlines.resolve = 0ms; }},
      {"deadlines.connect", [](options& o) { o.deadlines.connect = 0ms; }},
      {"deadlines.address_step", [](options& o) { o.deadlines.address_step = 9ms; }},
      {"deadlines.upgrade", [](options& o) { o.deadlines.upgrade = 0ms; }},
      {"deadlines.login", [](options& o) { o.deadlines.login = 0ms; }},
      {"close_timeout", [](options& o) { o.close_timeout = 0ms; }},
      {"background_grace", [](options& o) { o.background_grace = 0ms; }},
  });
}

// A duration of years is a mistake of units, and milliseconds::max() does not fit the nanoseconds of the
// clock.
BOOST_AUTO_TEST_CASE(a_duration_that_the_clock_cannot_hold_is_refused) {
  check_all_refused({
      {"retry.base", [](options& o) { o.retry.base = std::chrono::milliseconds::max(); }},
      {"retry.cap", [](options& o) { o.retry.cap = std::chrono::milliseconds::max(); }},
      {"retry.first_spread", [](options& o) { o.retry.first_spread = std::chrono::milliseconds::max(); }},
      {"retry.stable_after", [](options& o) { o.retry.stable_after = std::chrono::milliseconds::max(); }},
      {"retry.retry_after_limit",
       [](options& o) { o.retry.retry_after_limit = std::chrono::milliseconds::max(); }},
      {"heartbeat.ping_interval",
       [](options& o) { o.heartbeat.ping_interval = std::chrono::milliseconds::max(); }},
      {"deadlines.attempt", [](options& o) { o.deadlines.attempt = std::chrono::milliseconds::max(); }},
      {"close_timeout", [](options& o) { o.close_timeout = std::chrono::milliseconds::max(); }},
  });
}

BOOST_AUTO_TEST_CASE(a_policy_that_makes_no_sense_is_refused) {
  check_all_refused({
      {"retry.cap", [](options& o) { o.retry.cap = o.retry.base - 1ms; }},
      {"retry.factor", [](options& o) { o.retry.factor = 0.99; }},
      {"retry.factor", [](options& o) { o.retry.factor = 100.5; }},
      {"retry.factor", [](options& o) { o.retry.factor = std::nan(""); }},
      {"retry.factor", [](options& o) { o.retry.factor = HUGE_VAL; }},
      {"retry.first_spread", [](options& o) { o.retry.first_spread = -1ms; }},
      {"retry.retry_after_limit", [](options& o) { o.retry.retry_after_limit = -1ms; }},
      {"retry.attempt_limit", [](options& o) { o.retry.attempt_limit = 0U; }},
      {"retry.rules", [](options& o) { o.retry.rules.clear(); }},
  });
}

BOOST_AUTO_TEST_CASE(a_policy_at_its_borders_is_accepted) {
  auto given = good();
  given.retry.cap = given.retry.base;
  given.retry.factor = 1.0;
  given.retry.first_spread = 0ms;
  given.retry.retry_after_limit = 0ms;
  given.retry.attempt_limit = 1U;
  given.retry.rules.clear();
  given.retry.decide = [](const attempt_record&, const retry_decision& table) { return table; };
  BOOST_CHECK_NO_THROW(validate(given));
}

BOOST_AUTO_TEST_CASE(every_limit_must_leave_room) {
  check_all_refused({
      {"limits.inbound_messages", [](options& o) { o.limits.inbound_messages = 0; }},
      {"limits.inbound_bytes", [](options& o) { o.limits.inbound_bytes = 0; }},
      {"limits.outbound_messages", [](options& o) { o.limits.outbound_messages = 0; }},
      {"limits.outbound_bytes", [](options& o) { o.limits.outbound_bytes = 0; }},
      {"limits.message_bytes", [](options& o) { o.limits.message_bytes = 0; }},
      {"limits.upgrade_bytes", [](options& o) { o.limits.upgrade_bytes = 1023; }},
  });
  auto given = good();
  given.limits = {1, 1, 1, 1, 1, 1024};
  BOOST_CHECK_NO_THROW(validate(given));
}

BOOST_AUTO_TEST_SUITE_END()
