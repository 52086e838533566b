// One socket on which the server speaks holdfast.v1: reads the client's frames, whose rules it checks, and
// says what is due.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "journal.hpp"
#include "v1_server.hpp"

import holdfast;

namespace sim {

// What the client wants to go on with.
struct v1_hello {
  std::optional<std::string> session{};
  std::uint64_t last_seq = 0;
};

class v1_link {
 public:
  struct wire {
    std::function<void(holdfast::message_kind, std::string_view)> say;
    std::function<void()> hang_up;
    bool is_slow;  // it reads or writes so that what is sent may take for ever
  };

  v1_link(v1_server& server, wire on);
  ~v1_link();
  v1_link(const v1_link&) = delete;
  v1_link& operator=(const v1_link&) = delete;

  void received(holdfast::message_kind kind, std::string_view text);
  // Does what is due.
  void tend();
  [[nodiscard]] clock::time_point due() const noexcept;

  void say(std::string_view text, holdfast::message_kind kind = holdfast::message_kind::text);
  void say_event(std::uint64_t seq, std::string_view data);
  // All that has been processed.
  void acknowledge();
  // Who was told to leave does not hear of it twice.
  bool leave(clock::duration wait);
  void hang_up() { wire_.hang_up(); }
  void check(clock::time_point now) const;
  // It cannot be seen any more when the client leaves.
  void expect_nothing() { lost_by_.reset(); }

  [[nodiscard]] std::size_t number() const noexcept { return number_; }
  [[nodiscard]] bool is_ready() const noexcept { return session != nullptr; }
  [[nodiscard]] bool is_slow() const noexcept { return wire_.is_slow; }

  std::shared_ptr<v1_session> session;  // once it is ready; shared with the server
  std::uint64_t resend_from = 0;        // the first event that follows

 private:
  template <class Object>
  void take_hello(const Object& frame);
  template <class Object>
  void take_message(const Object& frame);
  void take_ping(std::uint64_t id);
  void answer_login();
  void plan_ack();

  v1_server& server_;
  const wire wire_;
  const std::size_t number_;
  std::optional<v1_hello> hello_{};
  std::optional<clock::time_point> answer_at_{};  // the login
  std::optional<clock::time_point> ack_at_{};
  std::uint64_t unacknowledged_ = 0;
  std::uint64_t last_ping_ = 0;
  std::optional<clock::time_point> lost_by_{};  // a ping has not been answered: the client must leave
  bool leaves_ = false;
};

}  // namespace sim
