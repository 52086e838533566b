// A chapter of its own: a chat whose server asks its clients to leave every now and then, as one does that is
// to be restarted. One learns what a protocol adds: a login, messages that are acknowledged, and a way to
// another socket that nobody notices.
#pragma once

#include <boost/asio.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "timeline.hpp"

import holdfast;

class server;  // of ../chat_server

struct chat_report {
  std::vector<std::string> said;                  // by Ann, and acknowledged
  std::vector<std::string> heard;                 // by Bob
  std::vector<holdfast::observed_change> states;  // of Ann's connection, until she leaves
};

class chat_story {
 public:
  chat_story(boost::asio::io_context& io, const timeline& out);
  ~chat_story();
  chat_story(const chat_story&) = delete;
  chat_story& operator=(const chat_story&) = delete;

  boost::asio::awaitable<void> play();
  [[nodiscard]] const chat_report& seen() const { return seen_; }

 private:
  boost::asio::awaitable<void> say_lines();
  void hear(const holdfast::message_view& event);

  const timeline& out_;
  chat_report seen_;
  std::unique_ptr<server> server_;
  holdfast::connection ann_;
  holdfast::connection bob_;
};
