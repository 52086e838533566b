// What a server may answer to the upgrade other than a plain yes, and what is kept of it.
#include "faults.hpp"
#include "way.hpp"

BOOST_AUTO_TEST_SUITE(upgrade_answers)

namespace {

// A part of an answer, and how long after the one before it comes.
struct piece {
  clock::duration after{};
  std::string bytes{};
};

net::awaitable<void> speak_in_pieces(std::shared_ptr<transport> stream, std::vector<piece> pieces) {
  timer wait(co_await net::this_coro::executor);
  for (const auto& each : pieces) {
    co_await wait.async_wait_until(clock::now() + each.after, net::use_awaitable);
    if (const auto ec = co_await write_all(*stream, each.bytes)) co_return;
  }
  co_await wait.async_wait_until(clock::now() + 1min, net::use_awaitable);  // and then says nothing
}

// Whoever connects hears this, whatever it says itself.
void answer_in_pieces(scenario& s, const std::vector<piece>& pieces) {
  s.in.network()->listen(server_at, [&s, pieces](transport stream) {
    s.in.spawn(speak_in_pieces(std::make_shared<transport>(std::move(stream)), pieces));
  });
}

// The first refusal.
state_change refusal(scenario& s) {
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  return conn.snapshot();
}

const std::string busy = "HTTP/1.1 503 Busy\r\n";

}  // namespace

// covers R5 R8 G31
BOOST_AUTO_TEST_CASE(each_status_has_its_place_in_the_table) {
  struct row {
    unsigned status;
    const char* rule;
    error why = error::upgrade_refused;
  };
  const std::vector<row> rows{{200, "backoff"},
                              {204, "backoff"},
                              {300, "backoff"},
                              {304, "backoff"},
                              {400, "fatal-http-status"},
                              {401, "unauthorized", error::unauthorized},
                              {403, "unauthorized", error::unauthorized},
                              {404, "fatal-http-status"},
                              {405, "fatal-http-status"},
                              {407, "backoff"},
                              {408, "backoff"},
                              {410, "fatal-http-status"},
                              {421, "backoff"},
                              {426, "fatal-http-status"},
                              {429, "backoff"},
                              {500, "backoff"},
                              {502, "backoff"},
                              {503, "backoff"},
                              {504, "backoff"},
                              {599, "backoff"}};
  for (const auto& each : rows) {
    BOOST_TEST_CONTEXT(each.status) {
      scenario s;
      s.backend.on_upgrade(answers_with(each.status, {}, "why"));
      const auto told = refusal(s);
      BOOST_TEST(told.rule == each.rule);
      BOOST_TEST(told.final == (told.rule != "backoff"));
      BOOST_TEST(told.reason.error == make_error_code(each.why));
      BOOST_TEST((told.reason.at == stage::upgrade));
      BOOST_TEST(told.reason.http_status == each.status);
      BOOST_TEST(told.reason.detail == "why");
      BOOST_TEST(s.in.network()->open_links() == 0U);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_text_of_a_refusal_is_kept_however_it_comes) {
  const std::string length = "Content-Length: 4\r\n\r\n";
  struct row {
    const char* name;
    std::vector<piece> pieces;
    std::string text;
    clock::duration latest = 10ms;
  };
  const std::vector<row> rows{
      {"with its header", {{0ms, busy + length + "full"}}, "full"},
      {"later", {{0ms, busy + length}, {300ms, "full"}}, "full", 310ms},
      {"bit by bit", {{0ms, busy + length}, {100ms, "fu"}, {100ms, "ll"}}, "full", 210ms},
      {"never", {{0ms, busy + length}}, "", 510ms},
      {"in part", {{0ms, busy + length}, {100ms, "fu"}}, "fu", 510ms},
      {"too late", {{0ms, busy + length}, {900ms, "full"}}, "", 510ms},
      {"none", {{0ms, busy + "Content-Length: 0\r\n\r\n"}}, ""},
      {"without a length", {{0ms, busy + "\r\nfull"}}, "full"},
      {"chunked",
       {{0ms, busy + "Transfer-Encoding: chunked\r\n\r\n2\r\nfu\r\n2;x=y\r\nll\r\n0\r\n\r\n"}},
       "full"},
      {"chunked, in part", {{0ms, busy + "Transfer-Encoding: Chunked\r\n\r\n4\r\nfu"}}, "fu", 510ms},
      {"chunked badly", {{0ms, busy + "Transfer-Encoding: chunked\r\n\r\nno number\r\nfull"}}, ""},
      {"chunked, later",
       {{0ms, busy + "Transfer-Encoding: chunked\r\n\r\n"}, {90ms, "4\r\nfull\r\n"}, {0ms, "0\r\n\r\n"}},
       "full",
       100ms},
      {"chunked, never", {{0ms, busy + "Transfer-Encoding: chunked\r\n\r\n"}}, "", 510ms},
      {"chunked, endless",
       {{0ms, busy + "Transfer-Encoding: chunked\r\n\r\n"}, {0ms, std::string(60'000, 'x')}},
       "",
       100ms},
      {"more than announced", {{0ms, busy + length + "full, and something else"}}, "full"}};
  for (const auto& each : rows) {
    BOOST_TEST_CONTEXT(each.name) {
      scenario s;
      answer_in_pieces(s, each.pieces);
      const auto told = refusal(s);
      BOOST_TEST(told.reason.error == make_error_code(error::upgrade_refused));
      BOOST_TEST(told.reason.http_status == 503U);
      BOOST_TEST(told.reason.detail == each.text);
      BOOST_TEST((s.in.elapsed() <= each.latest));
      BOOST_TEST(s.in.network()->open_links() == 0U);
    }
  }
}

BOOST_AUTO_TEST_CASE(no_more_than_eighty_characters_of_the_text_are_kept) {
  for (const bool later : {false, true}) {
    scenario s;
    const auto header = busy + "Content-Length: 5000\r\n\r\n";
    const std::string text(5000, 'x');
    answer_in_pieces(s, later ? std::vector<piece>{{0ms, header}, {50ms, text}}
                              : std::vector<piece>{{0ms, header + text}});
    BOOST_TEST(refusal(s).reason.detail == std::string(80, 'x'));
  }
}

BOOST_AUTO_TEST_CASE(a_text_that_would_break_the_line_is_shown_without_that) {
  scenario s;
  s.backend.on_upgrade(answers_with(500, {}, "line\r\nbreak\x1b[2J"));
  const auto line = describe(refusal(s));
  BOOST_TEST(line.find_first_of("\r\n\x1b") == std::string::npos);
  BOOST_TEST(line.find("HTTP 500") != std::string::npos);
}

// covers R6
BOOST_AUTO_TEST_CASE(a_policy_function_hears_the_headers_even_if_the_text_never_comes) {
  std::vector<attempt_record> heard;
  scenario s;
  s.given.retry.decide = [&](const attempt_record& record, retry_decision by_table) {
    heard.push_back(record);
    return by_table;
  };
  answer_in_pieces(s, {{0ms, busy + "Retry-After: 7\r\nX-Reason: lunch\r\nContent-Length: 9\r\n\r\n"}});
  refusal(s);
  BOOST_REQUIRE(heard.size() == 1U);
  BOOST_TEST((heard[0].reason.at == stage::upgrade));
  BOOST_TEST(heard[0].reason.error == make_error_code(error::upgrade_refused));
  BOOST_TEST(heard[0].reason.http_status == 503U);
  BOOST_TEST(heard[0].attempt == 1U);
  BOOST_TEST((heard[0].retry_after == clock::duration(7s)));
  BOOST_TEST(std::ranges::count(heard[0].http_headers,
                                std::pair<std::string, std::string>("X-Reason", "lunch")) == 1);
}

// covers R6
BOOST_AUTO_TEST_CASE(a_policy_function_hears_whether_there_are_new_credentials) {
  std::vector<attempt_record> heard;
  test_provider provider;
  scenario s;
  s.given.provider = provider.function();
  s.given.retry.decide = [&](const attempt_record& record, retry_decision by_table) {
    heard.push_back(record);
    return by_table;
  };
  s.backend.on_upgrade(answers_with(403, {{"WWW-Authenticate", "Bearer"}}));
  s.start();
  s.in.run_for(1s);
  BOOST_REQUIRE(heard.size() == 2U);
  for (const auto& each : heard) {
    BOOST_TEST(each.reason.error == make_error_code(error::unauthorized));
    BOOST_TEST(each.reason.http_status == 403U);
    BOOST_TEST(each.may_refresh);
    BOOST_TEST(!each.http_headers.empty());
  }
  BOOST_TEST(!heard[0].credentials_fresh);
  BOOST_TEST(heard[1].credentials_fresh);
  BOOST_TEST(heard[1].attempt == 2U);
}

// covers G36 R7
BOOST_AUTO_TEST_CASE(retry_after_counts_even_if_the_text_never_comes) {
  scenario s;
  answer_in_pieces(s, {{0ms, busy + "Retry-After: 60\r\nContent-Length: 9\r\n\r\n"}});
  const auto told = refusal(s);
  BOOST_TEST(told.rule == "backoff+retry-after");
  BOOST_REQUIRE(told.retry_in.has_value());
  BOOST_TEST((*told.retry_in >= clock::duration(60s)));
  BOOST_TEST((*told.retry_in <= clock::duration(61s)));
}

BOOST_AUTO_TEST_CASE(sub_protocols_are_agreed_as_the_program_wants_it) {
  constexpr auto none = subprotocol_rule::offered_or_none;
  constexpr auto required = subprotocol_rule::required;
  constexpr auto any = subprotocol_rule::any;
  struct row {
    subprotocol_rule how;
    std::string chosen;
    bool accepted;
  };
  const std::vector<row> rows{{none, "chat.v1", true},
                              {none, "", true},
                              {none, "invented", false},
                              {none, "CHAT.V1", false},
                              {required, "chat.v1", true},
                              {required, "", false},
                              {required, "invented", false},
                              {any, "chat.v1", true},
                              {any, "", true},
                              {any, "invented", true}};
  for (const auto& each : rows) {
    BOOST_TEST_CONTEXT(static_cast<int>(each.how) << ' ' << each.chosen) {
      request_log requests;
      scenario s;
      s.given.subprotocols = {"chat.v2", "chat.v1"};
      s.given.subprotocol = each.how;
      header_list chosen;
      if (!each.chosen.empty()) chosen.emplace_back("Sec-WebSocket-Protocol", each.chosen);
      s.backend.on_upgrade(requests.keep(answers_with(101, chosen)));
      auto& conn = s.start();
      s.in.run_for(1s);
      BOOST_TEST(requests.values(0, "Sec-WebSocket-Protocol") == "chat.v2, chat.v1");
      const auto now = conn.snapshot();
      BOOST_TEST((now.to == connection_state::connected) == each.accepted);
      if (each.accepted) {
        BOOST_TEST(now.subprotocol == each.chosen);
        continue;
      }
      BOOST_TEST(now.reason.error == make_error_code(error::subprotocol_mismatch));
      BOOST_TEST((now.reason.at == stage::upgrade));
      BOOST_TEST(now.rule == "subprotocol-mismatch");
      BOOST_TEST(now.final);
      BOOST_TEST(s.in.network()->open_links() == 0U);
    }
  }
}

BOOST_AUTO_TEST_CASE(without_an_offer_there_is_no_field_and_no_sub_protocol_is_accepted) {
  request_log requests;
  scenario s;
  s.backend.on_upgrade(requests.keep(answers_with(101, {{"Sec-WebSocket-Protocol", "invented"}})));
  const auto told = refusal(s);
  BOOST_TEST(requests.values(0, "Sec-WebSocket-Protocol") == "");
  BOOST_TEST(told.reason.error == make_error_code(error::subprotocol_mismatch));
}

BOOST_AUTO_TEST_CASE(the_user_agent_can_be_changed_and_left_out) {
  for (const auto* name : {"holdfast", "phone/7 (blue)", ""}) {
    request_log requests;
    scenario s;
    if (std::string_view(name) != "holdfast") s.given.user_agent = name;
    s.backend.on_upgrade(requests.keep());
    s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    BOOST_TEST(requests.values(0, "User-Agent") == name);
    const auto named = [](const auto& field) { return is_same_header(field.first, "User-Agent"); };
    BOOST_TEST(std::ranges::count_if(requests.all[0].headers, named) == (*name == '\0' ? 0 : 1));
  }
}

// covers R51
BOOST_AUTO_TEST_CASE(a_header_larger_than_the_limit_is_no_answer) {
  scenario s;
  s.given.limits.upgrade_bytes = 2048;
  s.backend.on_upgrade(answers_with(101, {{"X-Large", std::string(2048, 'x')}}));
  const auto told = refusal(s);
  BOOST_TEST(told.reason.error == make_error_code(error::upgrade_invalid));
  BOOST_TEST(told.reason.detail == "the header is longer than limits.upgrade_bytes (2048)");
  BOOST_TEST((told.reason.at == stage::upgrade));
  BOOST_TEST(told.rule == "backoff");
  s.backend.on_upgrade(answers_with(101, {{"X-Large", std::string(1800, 'x')}}));
  BOOST_TEST(s.reaches(connection_state::connected));
}

BOOST_AUTO_TEST_CASE(an_answer_without_an_end_is_read_up_to_the_limit) {
  scenario s;
  answer_in_pieces(s, {{0ms, busy}, {0ms, "X-Large: " + std::string(60'000, 'x')}});
  BOOST_TEST(refusal(s).reason.error == make_error_code(error::upgrade_invalid));
}

BOOST_AUTO_TEST_CASE(garbage_behind_the_upgrade_ends_the_session_that_it_opens) {
  scenario s;
  s.backend.on_upgrade(answers_with(101, {}, "HTTP/1.1 200 OK\r\n\r\n"));
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST(seen.states() == "connecting connected disconnected");
  BOOST_TEST(seen.changes().back().reason.error == make_error_code(error::protocol_violation));
  BOOST_TEST((seen.changes().back().reason.at == stage::session));
  BOOST_TEST(seen.changes().back().rule == "flapping");
  BOOST_TEST(seen.changes().back().reason.http_status == 0U);
}

BOOST_AUTO_TEST_CASE(a_frame_right_behind_the_upgrade_is_received) {
  scenario s;
  std::optional<message> got;
  s.backend.on_upgrade(answers_with(101, {}, "\x81\x05hello"));
  auto& conn = s.start();
  conn.receive([&](error_code ec, message what) {
    if (!ec) got = std::move(what);
  });
  s.in.run_for(1s);
  BOOST_REQUIRE(got.has_value());
  BOOST_TEST(got->payload == "hello");
  BOOST_TEST((conn.status() == connection_state::connected));
}

BOOST_AUTO_TEST_SUITE_END()
