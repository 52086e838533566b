// What a server's answer to the upgrade may look like, and what a program is told of one that will not do.
#include <set>
#include <string>
#include <vector>

#include "conversation.hpp"
#include "way.hpp"

BOOST_AUTO_TEST_SUITE(answers)

namespace {

// Answers each request with `head`, in which @ stands for the right Sec-WebSocket-Accept, and then with
// `rest`.
net::awaitable<void> answer_with_head(std::shared_ptr<transport> stream, std::string head, std::string rest) {
  std::array<char, 4096> place{};
  std::string request;
  for (bool answered = false;;) {
    error_code ec;
    request.append(place.data(), stream->read_some(place, ec));
    if (ec && !would_block(ec)) co_return;
    const auto asked = answered ? std::nullopt : *parse_request(request);
    if (asked) {
      answered = true;
      if (const auto at = head.find('@'); at != std::string::npos)
        head.replace(at, 1, websocket_accept(asked->header("Sec-WebSocket-Key")));
      const auto failed = co_await write_all(*stream, head + rest);
      if (failed) co_return;
    }
    if (ec) co_await stream->async_wait(readiness::readable, net::as_tuple(net::use_awaitable));
  }
}

void serve(scenario& s, const std::string& head, const std::string& rest = {}) {
  s.in.network()->listen(server_at, [&s, head, rest](transport stream) {
    s.in.spawn(answer_with_head(std::make_shared<transport>(std::move(stream)), head, rest));
  });
}

// The first failure.
change_reason failure(const std::string& head) {
  scenario s;
  s.given.limits.upgrade_bytes = 2048;
  s.given.retry = retry_policy::once();
  serve(s, head);
  auto& conn = s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().final; }, 30s));
  return conn.snapshot().reason;
}

const std::string agreed = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: @\r\n\r\n";

}  // namespace

// covers R50
BOOST_AUTO_TEST_CASE(an_answer_that_the_rfcs_allow_opens_a_session_and_its_first_frame_arrives) {
  const std::vector<std::string> heads{
      "HTTP/1.1 101 Switching Protocols\r\n" + agreed,
      "HTTP/1.1 101 \r\n" + agreed,
      "HTTP/1.1 101\r\n" + agreed,
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 101 Yes\r\n" +
          agreed,
      std::string(
          "HTTP/1.1 101 Yes\r\nUPGRADE:WebSocket\r\nConnection: keep-alive\r\nconnection:\tupgrade \r\n"
          "sec-websocket-accept:@\r\n\r\n"),
      std::string("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection:\r\n keep-alive,\r\n Upgrade\r\n"
                  "Sec-WebSocket-Accept: @\r\n\r\n"),
      "HTTP/1.1 101 Yes\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: @\n\n",
  };
  for (const auto& head : heads) {
    scenario s;
    serve(s, head, server_frames().text("first").bytes());
    auto& conn = s.start();
    BOOST_TEST_CONTEXT(head) {
      BOOST_TEST(s.reaches(connection_state::connected, 1s));
      std::string got;
      conn.receive([&](error_code, const message& m) { got = m.payload; });
      s.in.run_for(1s);
      BOOST_TEST(got == "first");
    }
  }
}

// covers R51
BOOST_AUTO_TEST_CASE(each_answer_that_is_refused_has_a_text_of_its_own) {
  const std::string yes = "HTTP/1.1 101 Yes\r\n";
  const std::string upgrade = "Upgrade: websocket\r\n", connection = "Connection: Upgrade\r\n";
  const std::vector<std::string> heads{
      yes + connection + "Sec-WebSocket-Accept: @\r\n\r\n",
      yes + upgrade + "Sec-WebSocket-Accept: @\r\n\r\n",
      yes + upgrade + connection + "\r\n",
      yes + upgrade + connection + "Sec-WebSocket-Accept: AAAA\r\n\r\n",
      yes + "Upgrade: h2c\r\n" + connection + "Sec-WebSocket-Accept: @\r\n\r\n",
      yes + upgrade + connection + "Sec-WebSocket-Accept: @\r\nSec-WebSocket-Extensions: x-foo\r\n\r\n",
      yes + upgrade + connection + "Sec-WebSocket-Accept: @\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
      yes + upgrade + connection + "Sec-WebSocket-Accept: @\r\nSet-Cookie: " + std::string(4096, 'x') +
          "\r\n\r\n",
      yes + upgrade + connection + "Foo\r\n\r\n",
      "SSH-2.0-OpenSSH_9.2\r\n\r\n",
      "HTTP/1.0 101 Yes\r\n" + agreed,
  };
  std::set<std::string> texts;
  for (const auto& head : heads) {
    const auto why = failure(head);
    BOOST_TEST((why.at == stage::upgrade));
    texts.insert(describe(why));
  }
  BOOST_TEST(texts.size() == heads.size());
}

// covers R51
BOOST_AUTO_TEST_CASE(the_limit_that_an_answer_hits_is_named_with_its_value) {
  const auto why = failure("HTTP/1.1 101 Yes\r\nSet-Cookie: " + std::string(4096, 'x') + "\r\n\r\n");
  BOOST_TEST(why.detail.find("limits.upgrade_bytes") != std::string::npos);
  BOOST_TEST(why.detail.find("2048") != std::string::npos);
  const auto interim = failure([] {
    std::string out;
    for (int i = 0; i < 30; ++i) out += "HTTP/1.1 102 Processing\r\n\r\n";
    return out;
  }());
  BOOST_TEST((interim.error == error::upgrade_invalid));
}

// covers R52
BOOST_AUTO_TEST_CASE(every_refusal_may_ask_for_rest_in_every_form) {
  const std::vector<std::pair<unsigned, header_list>> refusals{
      {418, {{"Retry-After", "40"}}},
      {408, {{"Retry-After", " 40 "}}},
      {502, {{"Retry-After", "10, 40"}}},
      {500, {{"Retry-After", "5"}, {"Retry-After", "40"}}},
      {429, {{"Retry-After", "39.5s"}}},
      {503, {{"Date", "Sun, 06 Nov 1994 08:49:00 GMT"}, {"Retry-After", "Sunday, 06-Nov-94 08:49:40 GMT"}}},
      {503, {{"Date", "Sun, 06 Nov 1994 08:49:00 GMT"}, {"Retry-After", "Sun Nov  6 08:49:40 1994"}}},
      {503, {{"Date", "Sun, 06 Nov 1994 08:49:00 GMT"}, {"Retry-After", "1994-11-06T08:49:40Z"}}},
  };
  for (const auto& [status, headers] : refusals) {
    scenario s;
    s.backend.on_upgrade(answers_with(status, headers));
    s.start();
    BOOST_TEST_CONTEXT(status << ' ' << headers.back().second) {
      s.in.run_for(39s);
      BOOST_TEST(s.backend.accepted() == 1U);
      s.in.run_for(3s);
      BOOST_TEST(s.backend.accepted() == 2U);
    }
  }
}

// covers R52
BOOST_AUTO_TEST_CASE(a_wish_that_cannot_be_read_is_no_reason_for_the_shortest_wait) {
  scenario s;
  s.backend.on_upgrade(answers_with(503, {{"Retry-After", "in a while"}}));
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_REQUIRE(conn.snapshot().retry_in.has_value());
  BOOST_TEST((*conn.snapshot().retry_in >= s.given.retry.cap / 2));
  BOOST_TEST(conn.snapshot().rule == "backoff+retry-after");
}

// covers R52
BOOST_AUTO_TEST_CASE(a_redirect_that_is_refused_may_ask_for_rest) {
  scenario s;
  s.backend.on_upgrade(answers_with(302, {{"Location", "ftp://elsewhere/"}, {"Retry-After", "100"}}));
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST((conn.snapshot().reason.error == error::redirect_refused));
  BOOST_REQUIRE(conn.snapshot().retry_in.has_value());
  BOOST_TEST((*conn.snapshot().retry_in >= 100s));
}

// covers R50 R52
BOOST_AUTO_TEST_CASE(a_refusal_with_a_length_and_chunks_keeps_its_status_and_its_wish) {
  for (const auto* fields : {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                             "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"}) {
    scenario s;
    serve(s, "HTTP/1.1 503 Busy\r\n" + std::string(fields) + "Retry-After: 120\r\n\r\n", "0\r\n\r\n");
    auto& conn = s.start();
    const recorder seen(conn);
    BOOST_REQUIRE(
        s.in.run_until([&] { return !seen.changes().empty() && seen.changes().back().retry_in; }, 30s));
    BOOST_TEST(seen.changes().back().reason.http_status == 503U);
    BOOST_TEST((*seen.changes().back().retry_in >= 120s));
  }
}

BOOST_AUTO_TEST_SUITE_END()
