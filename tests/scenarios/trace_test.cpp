// What happens, as records: for programs that draw it, and for the log.
#include <algorithm>
#include <boost/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "v1.hpp"

BOOST_AUTO_TEST_SUITE(trace)

namespace {

std::string text_of(const log_record& record, std::string_view field) {
  const auto* found = record.fields.if_contains(field);
  if (found == nullptr) return "";
  return found->is_string() ? std::string(found->as_string()) : boost::json::serialize(*found);
}

struct traced : v1_scenario {
  traced() {
    given.trace = [this](const log_record& one) { records.push_back(one); };
  }
  // As "event" with what tells it apart, in order.
  [[nodiscard]] std::string story() const {
    std::string out;
    for (const auto& each : records) {
      out += (out.empty() ? "" : " ") + std::string(each.event);
      for (const auto* field : {"stage", "outcome", "state", "name"}) {
        if (each.event == "state" && std::string_view(field) == "stage") continue;
        if (auto text = text_of(each, field); !text.empty()) out += ':' + text;
      }
    }
    return out;
  }
  std::vector<log_record> records{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_dial_is_told_step_by_step_and_the_rest_as_it_comes) {
  traced s;
  s.connect();
  BOOST_TEST(s.story() ==
             "state:connecting dial_step:resolve:ok dial_step:connect:ok dial_step:upgrade:ok "
             "dial_step:login:ok state:connected");
  BOOST_TEST(text_of(s.records[2], "detail") == "10.0.0.1:80");
  BOOST_TEST(text_of(s.records[2], "origin") == "ws://server");
  BOOST_TEST(text_of(s.records[2], "seconds") == "2E-3");  // there and back
  s.records.clear();
  s.conn->ping([](error_code, clock::duration) {});
  s.conn->network_changed();
  s.in.run_for(1s);
  s.conn->disconnect(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(s.story() == "network_changed round_trip command:disconnect state:disconnected");
}

BOOST_AUTO_TEST_CASE(a_step_that_fails_says_why) {
  traced s;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  s.start();
  s.in.run_for(100ms);
  BOOST_REQUIRE(s.records.size() == 4U);
  BOOST_TEST(s.story() ==
             "state:connecting dial_step:resolve:ok dial_step:connect:failed state:disconnected");
  BOOST_TEST(text_of(s.records[2], "detail") == "connect to 10.0.0.1:80: Connection refused");
  BOOST_TEST(text_of(s.records[3], "error") == "Connection refused");
  BOOST_TEST(text_of(s.records[3], "rule") == "backoff");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_one_step_although_its_text_is_waited_for) {
  traced s;
  s.backend.on_upgrade([](const http_head&) { return http_answer{.status = 503, .body = "tired"}; });
  s.start();
  s.in.run_for(200ms);
  BOOST_TEST(s.story() ==
             "state:connecting dial_step:resolve:ok dial_step:connect:ok dial_step:upgrade:failed "
             "state:disconnected");
  BOOST_TEST(text_of(s.records[3], "detail").find("HTTP 503") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_login_that_fails_is_a_step_that_fails) {
  traced s;
  s.given.deadlines.login = 2s;
  s.at.never_answer_logins();
  s.start();
  s.in.run_for(2500ms);
  BOOST_TEST(s.story().find("dial_step:upgrade:ok dial_step:login:failed state:disconnected") !=
             std::string::npos);
  BOOST_TEST(text_of(s.records[4], "seconds") == "2E0");
  BOOST_TEST(text_of(s.records[5], "subprotocol") == "");
}

BOOST_AUTO_TEST_CASE(the_login_of_a_move_begins_when_the_next_session_does) {
  traced s;
  s.connect();
  s.at.delay_logins(1s);
  s.conn->migrate([](error_code) {});
  s.in.run_for(5s);
  const auto last = std::ranges::find_if(s.records.rbegin(), s.records.rend(), [](const log_record& one) {
    return text_of(one, "stage") == "login";
  });
  BOOST_REQUIRE((last != s.records.rend()));
  BOOST_TEST(last->fields.at("seconds").as_double() < 1.1);
}

BOOST_AUTO_TEST_CASE(without_a_trace_the_steps_go_to_the_log_as_lines) {
  scenario s;
  std::vector<std::string> lines;
  s.given.log = [&](log_level level, std::string_view line) {
    BOOST_TEST((level == log_level::debug));
    lines.emplace_back(line);
  };
  s.start();
  s.in.run_for(1s);
  BOOST_REQUIRE(lines.size() == 3U);
  BOOST_TEST(lines[0] ==
             "dial_step stage=resolve seconds=0E0 attempt=1 outcome=ok detail=\"1 address\" "
             "origin=ws://server");
}

BOOST_AUTO_TEST_CASE(what_the_function_throws_goes_to_the_log_and_nothing_else_happens) {
  v1_scenario s;
  s.given.trace = [](const log_record&) { throw std::runtime_error("no room"); };
  s.connect();
  BOOST_REQUIRE(!s.log_lines.empty());
  BOOST_TEST(s.log_lines[0] == "options.trace threw an exception");
}

BOOST_AUTO_TEST_CASE(a_value_that_could_be_misread_is_quoted) {
  const log_record record{.event = "x",
                          .fields = {{"plain", "a-b"}, {"spaced", "a b"}, {"empty", ""}, {"sly", "a\nb=c"}}};
  BOOST_TEST(describe(record) == R"(x plain=a-b spaced="a b" empty="" sly="a\nb=c")");
}

BOOST_AUTO_TEST_CASE(a_transition_as_json_has_what_it_says_and_no_secret) {
  state_change change{.to = connection_state::disconnected,
                      .attempt = 2,
                      .session = 3,
                      .reason = {.error = error::upgrade_refused, .at = stage::upgrade, .http_status = 503},
                      .retry_in = 1500ms,
                      .rule = "backoff"};
  change.headers = {{"Set-Cookie", "secret"}};
  BOOST_TEST(
      boost::json::serialize(to_json(change)) ==
      R"({"state":"disconnected","attempt":2,"session":3,)"
      R"("reason":"upgrade: server refused the WebSocket upgrade, HTTP 503","stage":"upgrade",)"
      R"("error":"server refused the WebSocket upgrade","http_status":503,"failure":true,"final":false,)"
      R"("rule":"backoff","retry_in":1.5E0})");
}

BOOST_AUTO_TEST_SUITE_END()
