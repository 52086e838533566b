// What goes through a TLS session, how it ends, and how the next one continues it.
#include "faults.hpp"
#include "tls.hpp"

BOOST_AUTO_TEST_SUITE(tls_streams)

BOOST_AUTO_TEST_CASE(a_mebibyte_each_way_at_once_arrives_whole_through_tiny_pieces_and_small_windows) {
  for (const std::size_t piece : {1U, 100U, 2000U}) {
    tls_scenario s(piece);
    s.in.network()->conditions = {.window_bytes = 3000, .largest_piece_bytes = piece};
    const auto bytes = pattern(piece == 1 ? 30'000 : 1U << 20U);
    BOOST_REQUIRE(s.connect());
    s.listen();
    s.in.spawn(say(*s.client->stream, bytes, s.client->said));
    s.in.spawn(say(*s.server->stream, bytes, s.server->said));
    s.in.run_until(
        [&] { return s.client->got.bytes.size() + s.server->got.bytes.size() == 2 * bytes.size(); }, 1h);
    BOOST_TEST((s.client->got.bytes == bytes));
    BOOST_TEST((s.server->got.bytes == bytes));
    BOOST_TEST((s.client->said && !*s.client->said));
    BOOST_TEST(!s.client->stream->unsent());
  }
}

BOOST_AUTO_TEST_CASE(cipher_text_that_was_not_taken_leaves_although_nothing_more_is_written) {
  tls_scenario s;
  s.in.network()->conditions.window_bytes = 1000;
  BOOST_REQUIRE(s.connect());
  s.in.spawn(read_all(*s.server->stream, s.server->got));
  const auto bytes = pattern(10'000);
  error_code ec;
  auto& stream = *s.client->stream;
  BOOST_TEST(stream.write_some(bytes, ec) == bytes.size());
  BOOST_TEST(!ec);
  BOOST_TEST(stream.unsent());
  BOOST_TEST(stream.write_some(bytes, ec) == 0U);  // no more is taken as long as some is left
  BOOST_TEST(would_block(ec));
  s.in.spawn(say(stream, "", s.client->said));
  s.in.run_for(1min);
  BOOST_TEST((s.server->got.bytes == bytes));
  BOOST_TEST(!stream.unsent());
}

// What src/session/session.cpp relies on: after a short read it waits without asking again.
BOOST_AUTO_TEST_CASE(a_short_read_means_that_nothing_more_is_there_now) {
  tls_scenario s;
  BOOST_REQUIRE(s.connect());
  s.in.spawn(say(*s.server->stream, pattern(20'000), s.server->said));  // two records in one piece
  s.in.run_for(1s);
  std::string place(50'000, '\0');
  error_code ec;
  BOOST_TEST(s.client->stream->read_some({place.data(), 7}, ec) == 7U);
  bool ready = false;  // there is more, inside of us
  s.client->stream->async_wait(readiness::readable, [&ready](error_code) { ready = true; });
  s.in.settle();
  BOOST_TEST(ready);
  BOOST_TEST(s.client->stream->read_some(place, ec) == 20'000U - 7U);
  ready = false;
  s.client->stream->async_wait(readiness::readable, [&ready](error_code) { ready = true; });
  s.in.run_for(1s);
  BOOST_TEST(!ready);
  BOOST_TEST(s.client->stream->read_some(place, ec) == 0U);
  BOOST_TEST(would_block(ec));
}

BOOST_AUTO_TEST_CASE(a_peer_that_says_that_it_ends_gives_eof_behind_its_last_bytes) {
  tls_scenario s;
  BOOST_REQUIRE(s.connect());
  s.in.spawn(say(*s.server->stream, "last", s.server->said));
  s.in.settle();
  s.server->stream->close();
  s.in.run_for(1s);
  std::string place(100, '\0');
  error_code ec;
  BOOST_TEST(s.client->stream->read_some(place, ec) == 4U);
  BOOST_TEST(!ec);
  bool ready = false;
  s.client->stream->async_wait(readiness::readable, [&ready](error_code) { ready = true; });
  s.in.settle();
  BOOST_TEST(ready);
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(s.client->stream->read_some(place, ec) == 0U);
    BOOST_TEST(ec == net::error::eof);
  }
}

// The write that fails looks for what the peer has said, and finds its end before the reader does.
BOOST_AUTO_TEST_CASE(an_end_that_a_failed_write_has_found_is_still_an_eof_for_the_reader) {
  tls_scenario s;
  BOOST_REQUIRE(s.connect());
  s.server->stream->close();
  s.in.run_for(1s);
  error_code ec;
  for (int i = 0; i < 10 && !ec; ++i) {
    s.client->stream->write_some(pattern(1'000), ec);
    s.in.run_for(1s);
  }
  BOOST_TEST((ec && !would_block(ec)));
  std::string place(100, '\0');
  BOOST_TEST(s.client->stream->read_some(place, ec) == 0U);
  BOOST_TEST(ec == net::error::eof);
}

namespace {

// Hands on what comes, until it is told to cut the line.
struct man_in_the_middle {
  std::optional<transport> outside;
  std::optional<transport> inside;

  static net::awaitable<void> carry(std::optional<transport>& from, std::optional<transport>& to) {
    std::string place(4096, '\0');
    for (error_code ec; !ec;) {
      const auto count = from->read_some(place, ec);
      if (count != 0) to->write_some({place.data(), count}, ec);
      if (would_block(ec))
        co_await from->async_wait(readiness::readable, net::redirect_error(net::use_awaitable, ec));
    }
  }
  void cut() {
    outside->close();
    inside->close();
  }
};

}  // namespace

// covers R29
BOOST_AUTO_TEST_CASE(a_stream_that_ends_without_a_word_is_a_lost_connection) {
  tls_scenario s;
  man_in_the_middle between;
  s.client_context = std::make_shared<tls_context>(s.client_side);
  s.server_context = std::make_shared<tls_context>(s.server_side);
  s.client.emplace();
  s.server.emplace();
  auto near = s.open_link([&](transport accepted) { between.outside.emplace(std::move(accepted)); });
  s.in.settle();
  between.inside.emplace(s.open_link(
      [&](transport accepted) { s.server->begin(s.in, std::move(accepted), s.server_context, {}); }));
  s.in.spawn(man_in_the_middle::carry(between.outside, between.inside));
  s.in.spawn(man_in_the_middle::carry(between.inside, between.outside));
  s.client->begin(s.in, std::move(near), s.client_context, s.host);
  s.in.run_for(1s);
  BOOST_REQUIRE((s.client->result && s.client->result->ok()));
  s.listen();
  s.in.spawn(say(*s.server->stream, "half", s.server->said));
  s.in.run_for(1s);
  between.cut();
  s.in.run_for(1s);
  BOOST_TEST(s.client->got.bytes == "half");
  BOOST_CHECK(s.client->got.end == error::connection_lost);
}

BOOST_AUTO_TEST_CASE(a_peer_that_hangs_up_during_the_handshake_is_a_lost_connection) {
  tls_scenario s;
  s.client_context = std::make_shared<tls_context>(s.client_side);
  s.client.emplace();
  std::optional<transport> accepted;
  auto near = s.open_link([&](transport stream) { accepted.emplace(std::move(stream)); });
  s.client->begin(s.in, std::move(near), s.client_context, s.host);
  s.in.run_for(1s);
  BOOST_TEST(!s.client->result.has_value());
  accepted->close();
  s.in.run_for(1s);
  BOOST_REQUIRE(s.client->result.has_value());
  BOOST_CHECK(s.client->error() == error::connection_lost);
}

BOOST_AUTO_TEST_CASE(a_reset_passes_through) {
  tls_scenario s;
  BOOST_REQUIRE(s.connect());
  s.listen();
  s.in.network()->reset_links();
  s.in.run_for(1s);
  BOOST_TEST(s.client->got.end == net::error::connection_reset);
  s.in.spawn(say(*s.client->stream, "more", s.client->said));
  s.in.run_for(1s);
  BOOST_REQUIRE(s.client->said.has_value());
  BOOST_TEST(*s.client->said == net::error::connection_reset);
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_speak_tls_is_told_apart) {
  const std::string garbage = "\x16\x03\x03\x01\x01" + std::string(300, 'g');  // a record, and nothing in it
  for (const auto& answer :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), garbage, std::string("SSH-2.0-x\r\n")}) {
    tls_scenario s;
    s.client_context = std::make_shared<tls_context>(s.client_side);
    s.client.emplace();
    auto near = s.open_link([&](transport accepted) {
      s.in.spawn(speak(std::make_shared<transport>(std::move(accepted)), answer, true));
    });
    s.client->begin(s.in, std::move(near), s.client_context, s.host);
    s.in.run_for(1s);
    BOOST_REQUIRE(s.client->result.has_value());
    BOOST_CHECK(s.client->error() == error::tls_failed);
    BOOST_TEST_MESSAGE(s.client->result->detail);
    BOOST_TEST(!s.client->result->detail.empty());
    BOOST_TEST(s.client->result->detail.find_first_of("\r\n") == std::string::npos);
  }
}

// covers R35
BOOST_AUTO_TEST_CASE(the_second_session_with_a_server_continues_the_first) {
  for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
    tls_scenario s;
    s.server_side.newest = version;
    for (int i = 0; i < 4; ++i) {
      BOOST_TEST_CONTEXT("session " << i) {
        BOOST_REQUIRE(s.connect());
        BOOST_TEST(s.client->tls->resumed() == (i != 0));
        BOOST_TEST(s.server->tls->resumed() == (i != 0));
        s.listen();
        s.in.spawn(say(*s.client->stream, "hello", s.client->said));
        s.in.run_for(1s);
        BOOST_TEST(s.server->got.bytes == "hello");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_session_that_was_lost_is_continued_too) {
  for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
    tls_scenario s;
    s.server_side.newest = version;
    BOOST_REQUIRE(s.connect());
    s.listen();
    s.in.run_for(1s);
    s.in.network()->reset_links();
    s.in.run_for(1s);
    BOOST_REQUIRE(s.connect());
    BOOST_TEST(s.client->tls->resumed());
  }
}

BOOST_AUTO_TEST_CASE(a_ticket_of_tls_1_3_is_used_once) {
  tls_scenario s;
  BOOST_REQUIRE(s.connect());
  s.listen();
  s.in.run_for(1s);
  BOOST_REQUIRE(s.connect());
  BOOST_TEST(s.client->tls->resumed());
  BOOST_REQUIRE(s.connect());  // nothing was read in the session before, so no new ticket came
  BOOST_TEST(!s.client->tls->resumed());
}

BOOST_AUTO_TEST_CASE(sessions_of_another_server_or_of_one_who_wants_none_are_not_continued) {
  tls_scenario s;
  s.show(s.authority.issue({.ip = "10.0.0.1"}));
  BOOST_REQUIRE(s.connect());
  s.listen();
  s.in.run_for(1s);
  s.host = "10.0.0.1";
  BOOST_REQUIRE(s.connect());
  BOOST_TEST(!s.client->tls->resumed());
  tls_scenario never;
  never.client_side.resume_sessions = false;
  for (int i = 0; i < 2; ++i) {
    BOOST_REQUIRE(never.connect());
    BOOST_TEST(!never.client->tls->resumed());
    never.listen();
    never.in.run_for(1s);
  }
}

BOOST_AUTO_TEST_CASE(a_context_of_the_user_resumes_as_well) {
  tls_scenario s;
  s.client_side.context = std::make_shared<net::ssl::context>(net::ssl::context::tls_client);
  s.client_side.context->add_certificate_authority(net::buffer(s.authority.certificate_pem()));
  BOOST_REQUIRE(s.connect());
  s.listen();
  s.in.run_for(1s);
  BOOST_REQUIRE(s.connect());
  BOOST_TEST(s.client->tls->resumed());
}

BOOST_AUTO_TEST_CASE(close_ends_a_handshake_and_every_wait) {
  tls_scenario s;
  s.client_context = std::make_shared<tls_context>(s.client_side);
  s.client.emplace();
  std::optional<transport> silent;
  auto near = s.open_link([&](transport accepted) { silent.emplace(std::move(accepted)); });
  s.client->begin(s.in, std::move(near), s.client_context, s.host);
  s.in.run_for(1h);
  BOOST_TEST(!s.client->result.has_value());
  s.client->stream->close();
  s.in.settle();
  BOOST_REQUIRE(s.client->result.has_value());
  BOOST_TEST(s.client->error() == net::error::operation_aborted);
  std::optional<error_code> waited;
  s.client->stream->async_wait(readiness::writable, [&waited](error_code ec) { waited = ec; });
  s.in.settle();
  BOOST_TEST((waited == net::error::operation_aborted));
}

BOOST_AUTO_TEST_CASE(close_never_waits_for_a_peer_that_does_not_read) {
  tls_scenario s;
  s.in.network()->conditions.window_bytes = 1000;
  BOOST_REQUIRE(s.connect());
  s.in.spawn(say(*s.client->stream, pattern(100'000), s.client->said));
  s.in.run_for(1s);
  BOOST_TEST(s.client->stream->unsent());
  s.client->stream->close();
  s.in.settle();
  BOOST_TEST((s.client->said == net::error::operation_aborted));
}

namespace {

int keys = 0;
void count_keys(int written, int, int type, const void* bytes, std::size_t size, SSL*, void*) {
  if (written == 0 && type == SSL3_RT_HANDSHAKE && size != 0 &&
      *static_cast<const char*>(bytes) == SSL3_MT_KEY_UPDATE)
    ++keys;
}

std::shared_ptr<net::ssl::context> context_that_counts_keys(const issued_certificate& shown) {
  auto out = watched_context(shown);
  SSL_CTX_set_msg_callback(out->native_handle(), count_keys);
  return out;
}

}  // namespace

// RFC 8446 section 6.1. The link below says nothing more.
BOOST_AUTO_TEST_CASE(a_wait_behind_the_end_completes_at_once) {
  tls_scenario s;
  s.server_side.context = watched_context(s.authority.issue());
  BOOST_REQUIRE(s.connect());
  SSL_shutdown(last_server);
  error_code ec;
  s.server->stream->write_some({}, ec);
  s.in.run_for(1s);
  std::string place(100, '\0');
  BOOST_TEST(s.client->stream->read_some(place, ec) == 0U);
  BOOST_TEST(ec == net::error::eof);
  bool ready = false;
  s.client->stream->async_wait(readiness::readable, [&ready](error_code) { ready = true; });
  s.in.settle();
  BOOST_TEST(ready);
}

// RFC 8446 section 4.6.3.
// covers R59
BOOST_AUTO_TEST_CASE(an_answer_that_reading_has_brought_about_leaves_by_itself) {
  tls_scenario s;
  s.server_side.context = context_that_counts_keys(s.authority.issue());
  BOOST_REQUIRE(s.connect());
  s.listen();
  s.in.run_for(1s);
  keys = 0;
  BOOST_REQUIRE(SSL_key_update(last_server, SSL_KEY_UPDATE_REQUESTED) == 1);
  s.in.spawn(say(*s.server->stream, "x", s.server->said));
  s.in.run_for(1s);
  BOOST_TEST(keys == 1);
}

// RFC 8446 section 4.6.3.
// covers R59
BOOST_AUTO_TEST_CASE(new_keys_in_the_middle_lose_nothing) {
  tls_scenario s;
  s.server_side.context = watched_context(s.authority.issue());
  BOOST_REQUIRE(s.connect());
  s.listen();
  std::string sent;
  for (int i = 0; i < 5; ++i) {
    BOOST_REQUIRE(SSL_key_update(last_server, SSL_KEY_UPDATE_REQUESTED) == 1);
    s.in.spawn(say(*s.server->stream, pattern(1000), s.server->said));
    s.in.run_for(1s);
    s.in.spawn(say(*s.client->stream, pattern(2000), s.client->said));
    s.in.run_for(1s);
    sent += pattern(2000);
  }
  BOOST_TEST(s.client->got.bytes.size() == 5000U);
  BOOST_TEST((s.server->got.bytes == sent));
  BOOST_TEST(!s.client->stream->unsent());
}

BOOST_AUTO_TEST_SUITE_END()
