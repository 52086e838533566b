// The picture of what a connection has lived through.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "scenario.hpp"

import holdfast.insight;

BOOST_AUTO_TEST_SUITE(timelines)

namespace {

// Each part of `text` between these two, in order.
std::vector<std::string> between(const std::string& text, const std::string& begin, const std::string& end) {
  std::vector<std::string> out;
  for (auto at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    at += begin.size();
    out.push_back(text.substr(at, text.find(end, at) - at));
  }
  return out;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t out = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out;
  return out;
}

// Every element is closed, in the right order.
bool is_well_formed(const std::string& svg) {
  std::vector<std::string> open;
  for (auto& tag : between(svg, "<", ">")) {
    if (tag.ends_with('/')) continue;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    } else {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  return open.empty();
}

struct drawn : scenario {
  drawn() {
    given.trace = history.recorder();
    given.heartbeat.ping_interval = 5s;
    in.network()->conditions.latency = 20ms;
  }
  void live_for(clock::duration span) {
    for (clock::duration past{}; past < span; past += 1s) {
      history.sample(conn->stats());
      in.run_for(1s);
    }
  }
  timeline history{{.limits = given.limits}};
};

std::string line(const std::string& time, const std::string& rest) {
  return R"({"time":"2026-11-30T)" + time + R"(Z",)" + rest + "}";
}

}  // namespace

BOOST_AUTO_TEST_CASE(it_shows_states_dials_waits_round_trips_queues_and_events) {
  drawn s;
  s.start();
  s.live_for(20s);
  s.in.network()->behave(server_at, port_behaviour::refuses);
  s.in.network()->reset_links();
  s.live_for(10s);
  s.in.network()->behave(server_at, port_behaviour::accepts);
  s.conn->retry_now();
  for (int i = 0; i < 5; ++i) s.conn->send("x", net::detached);
  s.live_for(10s);
  const auto svg = to_svg(s.history);
  BOOST_TEST(is_well_formed(svg));
  BOOST_TEST(count_of(svg, "style=\"fill:var(--connected,") >= 2U);
  BOOST_TEST(count_of(svg, "style=\"fill:var(--disconnected,") >= 2U);
  BOOST_TEST(count_of(svg, "style=\"fill:var(--upgrade,") == 3U);  // two dials, and the legend
  BOOST_TEST(count_of(svg, "class=\"failed\"") >= 2U);
  BOOST_TEST(count_of(svg, "class=\"wait\"") >= 1U);
  BOOST_TEST(count_of(svg, "class=\"dot\"") >= 4U);
  BOOST_TEST(svg.find("pong deadline 10 s") != std::string::npos);
  BOOST_TEST(svg.find("<title>command: retry now at ") == std::string::npos);  // as the function is called
  BOOST_TEST(svg.find("<title>command: retry_now at ") != std::string::npos);
  BOOST_TEST(svg.find("connect to 10.0.0.1:80: Connection refused") != std::string::npos);
  BOOST_TEST(svg.find("; usable for ") != std::string::npos);
  BOOST_TEST(svg.find("Connected, session 2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_empty_one_is_a_picture_too) {
  const timeline nothing;
  BOOST_TEST(is_well_formed(to_svg(nothing)));
  BOOST_TEST(to_html(nothing).find("Nothing has happened yet.") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_page_has_the_picture_and_the_last_transitions_and_no_links) {
  drawn s;
  s.start();
  s.live_for(5s);
  const auto page = to_html(s.history, "a & b");
  BOOST_TEST(page.find("<title>a &amp; b</title>") != std::string::npos);
  BOOST_TEST(count_of(page, "<svg ") == 1U);
  BOOST_TEST(page.find("<td>connected</td><td>session 1, to 10.0.0.1:80</td>") != std::string::npos);
  BOOST_TEST(page.find("http") == page.find("http://www.w3.org/2000/svg"));
  BOOST_TEST(count_of(page, "http") == 1U);
}

BOOST_AUTO_TEST_CASE(it_keeps_so_many_records_and_the_state_in_which_they_begin) {
  timeline few({.records = 10});
  const clock::time_point begin(1h);
  few.add({.time = begin, .event = "state", .fields = {{"state", "connected"}, {"session", 1}}});
  for (int i = 0; i < 100; ++i)
    few.add({.time = begin + i * 1s, .event = "command", .fields = {{"name", "x"}}});
  const auto kept = few.records();
  BOOST_TEST(kept.size() == 10U);
  BOOST_TEST(kept.front().event == "state");
  BOOST_TEST((kept.front().time == begin + 90s));
  BOOST_TEST((kept.back().time == begin + 99s));
}

BOOST_AUTO_TEST_CASE(what_is_measured_again_and_again_is_kept_more_coarsely_and_pushes_nothing_out) {
  timeline few({.records = 10});
  const clock::time_point begin(1h);
  few.add({.time = begin, .event = "state", .fields = {{"state", "connected"}, {"session", 1}}});
  for (int i = 1; i <= 1000; ++i)
    few.add({.time = begin + i * 1s, .event = "round_trip", .fields = {{"seconds", 0.01}}});
  const auto kept = few.records();
  BOOST_TEST(kept.size() <= 11U);
  BOOST_TEST(kept.size() >= 6U);
  BOOST_TEST((kept.front().time == begin));
  BOOST_TEST((kept.back().time >= begin + 990s));
}

BOOST_AUTO_TEST_CASE(an_end_that_the_program_asked_for_is_no_failure) {
  drawn s;
  s.start();
  s.live_for(5s);
  s.conn->close(net::detached);
  s.in.run_for(5s);
  BOOST_TEST(to_svg(s.history).find("never lost.") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(lines_of_watch_make_the_same_picture) {
  timeline read;
  read.add_line(line("10:00:00.000", R"("event":"state","state":"connecting","attempt":1,"session":0)"));
  read.add_line(line("10:00:00.250", R"("event":"dial_step","stage":"tls","seconds":0.2,"outcome":"ok")"));
  read.add_line(line("10:00:00.500", R"("event":"state","state":"connected","attempt":1,"session":1)"));
  read.add_line(line("10:00:01.000", R"("event":"message","payload":"x")"));
  read.add_line(line("10:00:05.500", R"("event":"state","state":"disconnected","session":1,"final":true,)"
                                     R"("reason":"session: lost","error":"lost","failure":true,"rule":"")"));
  BOOST_TEST(read.records().size() == 4U);
  const auto svg = to_svg(read);
  BOOST_TEST(svg.find("connected at 500 ms, for 5 s: session 1") != std::string::npos);
  BOOST_TEST(svg.find("tls, 200 ms") != std::string::npos);
  BOOST_TEST(svg.find("usable for 90.9 % of 5.5 s; the last failure 0 ms before the end: session: lost.") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_no_such_line_is_refused) {
  timeline read;
  for (const auto* wrong :
       {"", "[]", "{}", R"({"time":"2026-11-30T10:00:00Z"})",
        R"({"time":"2026-13-30T10:00:00Z","event":"state"})",
        R"({"time":"9999-01-01T10:00:00Z","event":"state"})",
        R"({"time":"1500-01-01T10:00:00Z","event":"state"})",
        R"({"time":"2026-11-30T10:00:00+01","event":"state"})", R"({"time":1,"event":"state"})"})
    BOOST_CHECK_THROW(read.add_line(wrong), std::invalid_argument);
  BOOST_TEST(read.records().empty());
}

BOOST_AUTO_TEST_CASE(what_others_wrote_cannot_become_markup) {
  timeline read;
  read.add_line(
      line("10:00:00.000",
           R"("event":"state","state":"x\"/><script>","attempt":1e12,"reason":"<b>&\u0007\uffff")"));
  read.add_line(line("10:00:01.000", R"("event":"dial_step","stage":"<i>","seconds":1e308,"detail":"]]>'")"));
  read.add_line(line("10:00:02.000", R"("event":"round_trip","seconds":-1)"));
  read.add_line(line("10:00:02.000", R"("event":"sample","waiting_bytes":1e300,"written":"many")"));
  read.add_line(line("10:00:01.000", R"("event":"sample","waiting_bytes":-5,"written":null)"));
  const auto page = to_html(read);
  BOOST_TEST(is_well_formed(to_svg(read)));
  BOOST_TEST(page.find("<script") == std::string::npos);
  BOOST_TEST(page.find("<b>") == std::string::npos);
  BOOST_TEST(page.find("<i>") == std::string::npos);
  BOOST_TEST(page.find("nan") == std::string::npos);
  BOOST_TEST(page.find("inf") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(throttled_and_unresponsive_times_are_marked) {
  timeline read;
  read.add_line(line("10:00:00.000", R"("event":"state","state":"featureThrottled","session":1,)"
                                     R"("features":[{"name":"typing","reason":"r"}])"));
  read.add_line(
      line("10:00:01.000", R"("event":"state","state":"connected","session":1,"unresponsive":true)"));
  read.add_line(line("10:00:02.000", R"("event":"state","state":"connected","session":1)"));
  const auto svg = to_svg(read);
  BOOST_TEST(svg.find("typing throttled") != std::string::npos);
  BOOST_TEST(count_of(svg, "class=\"late\"") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
