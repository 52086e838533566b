// The back end of the worlds that speak holdfast.v1: what it keeps between two sockets, as docs/protocol.md
// wants it, and what the plan makes go wrong. It is one service behind all addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "continuity.hpp"
#include "deliveries.hpp"
#include "dice.hpp"
#include "journal.hpp"
#include "plan.hpp"
#include "throttling.hpp"
#include "transitions.hpp"

import holdfast;

namespace sim {

class v1_link;

struct v1_session {
  std::size_t index = 0;  // of `continuity`
  std::string name;
  std::uint64_t first_kept = 0;  // number of the first of `kept`
  std::deque<std::string> kept{};
  std::uint64_t acknowledged = 0;  // by the client
  v1_link* link = nullptr;         // the socket that serves it
};

// How it behaves until it is told otherwise.
struct v1_habits {
  login_answer login = login_answer::at_once;
  clock::duration login_after{};
  ack_habit acks = ack_habit::at_once;
  clock::duration ack_after{};
  unsigned ack_batch = 1;
  clock::duration heartbeat{};  // zero: not said
  bool answers_pings = true;
  std::size_t retained = 1'000'000;  // events of a session
};

class v1_server {
 public:
  struct surroundings {
    journal& log;
    deliveries& mail;
    continuity& news;
    throttling& throttles;
    transitions& states;
    const plan& what;
  };

  explicit v1_server(surroundings around) : around_(around), dice_(~around.what.seed) {}

  // What the plan says.
  void obey(const event& what);
  // From now on nothing goes wrong, and what was held back is made up for.
  void behave();
  // Sends this many events of the program's own.
  void tell(std::size_t count, std::size_t size);
  // As the first listener sees it.
  void saw(const holdfast::state_change& change);
  // After each step.
  void check();
  // Nothing arrives on the present links any more, not even that the client leaves.
  void hears_nothing();

  // Called when a client says hello, before it is answered.
  void on_login(std::function<void()> heard) { heard_login_ = std::move(heard); }

  // Of the links. They are in the order in which they were opened.
  std::size_t add(v1_link& link);
  void remove(v1_link& link);
  void check_hello(const v1_link& link, std::string_view client, const std::optional<std::string>& session);
  // The session that goes on or is new, on this link from now on, and what to say about it; then what the
  // client has missed.
  std::string log_in(v1_link& link, const std::optional<std::string>& session, std::uint64_t last_seq);
  void go_on(v1_link& link);
  void message(v1_link& link, std::uint64_t number, std::string_view payload, std::string_view feature);
  void client_ack(v1_link& link, std::uint64_t seq);
  // The client will end the session because of what is said to it now.
  void breaks_rules(const v1_link& link);

  [[nodiscard]] const v1_habits& habits() const noexcept { return habits_; }
  [[nodiscard]] std::uint64_t last_processed() const noexcept { return last_processed_; }
  [[nodiscard]] surroundings& around() noexcept { return around_; }

 private:
  struct throttled {
    std::string name;
    std::optional<clock::time_point> until{};
  };
  [[nodiscard]] std::shared_ptr<v1_session> find(std::string_view name) const;
  std::shared_ptr<v1_session> begin();
  void trim(v1_session& session) const;
  void throttle(std::size_t mask, clock::duration span);
  void say_throttled(v1_link& link);
  void break_rules(v1_link& link, std::size_t kind);
  void follow(const event& what);

  surroundings around_;
  std::function<void()> heard_login_;
  dice dice_;  // what the server is free to do
  v1_habits habits_;
  std::vector<v1_link*> links_;
  std::vector<std::shared_ptr<v1_session>> sessions_;  // shared with the links that serve them
  std::shared_ptr<v1_session> current_;
  std::vector<throttled> throttled_;
  std::string client_;
  std::uint64_t last_processed_ = 0;
  std::size_t link_count_ = 0;
  // The last link on which it has broken the rules, since the last `connected`.
  std::optional<std::size_t> broken_on_{};
  bool must_begin_anew_ = false;  // the client found that, so its next login does not resume
};

}  // namespace sim
