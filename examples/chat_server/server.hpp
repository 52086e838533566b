// The server: who is connected, and which session each socket speaks for. One learns how sessions, sockets
// and clients come and go without one of them outliving what it points to. All of it runs on one thread.
#pragma once

#include <boost/asio.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "arguments.hpp"
#include "chat.hpp"
#include "client_frames.hpp"
#include "peer.hpp"
#include "session.hpp"

class server {
 public:
  server(boost::asio::io_context& io, const settings& given);

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void start();
  // Asks all to leave, closes all sockets, and gives the io_context nothing more to do.
  void stop();

 private:
  using socket_pointer = std::shared_ptr<peer>;

  boost::asio::awaitable<void> accept_all();
  boost::asio::awaitable<void> serve(socket_pointer from);
  boost::asio::awaitable<void> read_all(socket_pointer from);
  boost::asio::awaitable<void> watch_the_clock();

  // dispatch.cpp: what each frame does.
  void handle_text(const socket_pointer& from, const std::string& text);
  void handle(const socket_pointer& from, const hello& said);
  static void handle(session&, const unknown_frame&) {}
  void handle(session& from, const message& said);
  static void handle(session& from, const ping& said);
  static void handle(session& from, const events_received& said);
  bool take_typing(session& from, client_record& client);

  // registry.cpp: who is known.
  client_record& client_of(const session& of) { return clients_.at(of.client); }
  client_record& find_or_add_client(const std::string& name);
  // Nothing if there are too many.
  session* begin_session(const std::string& client);
  void end_session(session& which);
  void connect(session& which, const socket_pointer& socket);
  void disconnect(const socket_pointer& socket);
  void end_abandoned_sessions(peer::clock::time_point now);
  void lift_penalties(peer::clock::time_point now);

  settings given_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer tick_;
  bool is_stopping_ = false;
  chat chat_;
  std::map<std::string, session> sessions_;  // by their id
  std::map<std::string, client_record> clients_;
  std::map<socket_pointer, session*> sockets_;  // null before hello
};
