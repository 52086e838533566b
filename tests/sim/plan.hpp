// A world before it is lived: all that will be done to it and in it, as values drawn from one seed.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "journal.hpp"

import holdfast;
import holdfast.testing;

namespace sim {

// What can be left out of a world without changing the rest of it.
enum class fault : unsigned {
  slow_link,
  resets,
  silence,
  names,
  ports,
  sessions,   // scripts that end a session
  refusals,   // answers to the upgrade other than 101, or none
  bad_bytes,  // answers and frames that break the rules
  floods,
  options,  // other than the defaults
  telling,  // connect, disconnect, retry_now, network_changed
  background,
  messages,
  observers,
  cancelling,
  ending,  // close(), cancelled run(), or destroyed before the end
  // From here on in worlds that speak holdfast.v1:
  protocol,  // without it they do not
  manners,   // messages that are sent with other options than the defaults, and more of them
  events,    // of the server's own
  logins,    // refused, late, never answered
  lost_sessions,
  gaps,
  acks,  // late, for many messages, twice, never
  throttling,
  leaving,     // the server asks the client to leave
  errors,      // the frame of that name
  bad_fields,  // frames that break the rules of the protocol
  heartbeats,  // other intervals, and no answers
  // In all worlds again:
  moving,        // to another socket
  rough_links,   // jitter, narrow ones, lost requests to connect, resets after so many bytes
  half_silence,  // one way only
  tls,
  compression,
  suspends,
  handlers,  // in place of receive()
  providers,
  redirects,
  endpoints,  // two of them
  addresses,  // two of the first server's name, of which one fails above TCP
  interim,    // answers before the answer
  giving_up,  // a final state ends run()
  lifetimes,  // the client leaves each session by itself
  gates,      // it asks before it dials
  lateness,   // it is told of late answers, and waits no longer for them than it has to
  // Scenes, see drawing_scenes.hpp:
  partings,    // messages and a close frame in one read, and a program that answers
  talking,     // a server that talks on while the client closes
  uploads,     // that take longer than a heartbeat
  put_off,     // a move is refused by a server that wants to be left alone
  surrenders,  // the provider gives up
};
inline constexpr fault first_scene = fault::partings;
inline constexpr std::array<std::string_view, 49> fault_names{
    "slow_link",  "resets",      "silence",      "names",     "ports",       "sessions",   "refusals",
    "bad_bytes",  "floods",      "options",      "telling",   "background",  "messages",   "observers",
    "cancelling", "ending",      "protocol",     "manners",   "events",      "logins",     "lost",
    "gaps",       "acks",        "throttling",   "leaving",   "errors",      "bad_fields", "heartbeats",
    "moving",     "rough_links", "half_silence", "tls",       "compression", "suspends",   "handlers",
    "providers",  "redirects",   "endpoints",    "addresses", "interim",     "giving_up",  "lifetimes",
    "gates",      "lateness",    "partings",     "talking",   "uploads",     "put_off",    "surrenders"};
constexpr std::uint64_t bit(fault one) { return std::uint64_t{1} << static_cast<unsigned>(one); }

enum class conduct : std::uint8_t {  // of a server
  echoes,
  closes,  // with `code` after `span`
  drops,   // after `span`
  silent,  // neither reads nor writes from the upgrade on
  never_upgrades,
  refuses,       // with HTTP status `code`; `size`: seconds of Retry-After, 0: none
  garbage,       // `code`: which kind, instead of an answer to the upgrade
  bad_frame,     // `code`: which kind, after `span`
  reads_slowly,  // `size` bytes each `span`
  floods,        // `code` messages of `size` bytes, then echoes
  floods_pings,  // `code` pings, one each `span`
  fragments,     // echoes in pieces of `size` bytes, with pings between them
  no_pongs,
  redirects,  // with HTTP status `code` to the other one
  parts,      // after `span`, with `size` messages and a close frame with `code`, all in one write
  talks,      // `code` messages of `size` bytes, one each `span`, and only then answers a close frame
};
std::string_view to_string(conduct how);

struct server_script {
  conduct how = conduct::echoes;
  clock::duration span{};
  unsigned code = 0;
  std::size_t size = 0;
};

// How a message is sent in a world that speaks holdfast.v1.
enum class writing : std::uint8_t { json, binary, not_json, not_utf8 };
inline constexpr std::array<std::string_view, 4> feature_names{"", "typing", "images", "files"};
inline constexpr std::array<std::string_view, 3> key_names{"", "presence", "place"};
struct letter {
  writing form = writing::json;
  holdfast::offline_rule when_offline = holdfast::offline_rule::fail;
  holdfast::throttled_rule when_throttled = holdfast::throttled_rule::fail;
  std::size_t feature = 0;
  std::size_t key = 0;
  std::chrono::milliseconds time_to_live{0};
  bool detached = false;
};

// How the server of holdfast.v1 answers a login.
enum class login_answer : std::uint8_t { at_once, late, never, unauthorized, refused, fatal, event_first };
// How the credential provider answers.
enum class providing : std::uint8_t { at_once, late, never, unreachable, throws, gives_up };
// How it acknowledges.
enum class ack_habit : std::uint8_t { at_once, late, in_batches, twice, never };

enum class act : std::uint8_t {
  conditions,
  reset,
  silence,     // `number`: a holdfast::testing::silenced
  name_works,  // `number`: addresses, 1: first, 2: second, 3: both; 0: none; after `span`
  name_fails,
  name_hangs,
  port,    // `which` server; `number`: a port_behaviour
  server,  // `which` server does `script`
  connect,
  disconnect,
  close,
  retry_now,
  network_changed,
  background,
  foreground,
  send,  // `number` bytes; `which`: 0 text, 1 binary, 2 text that is not UTF-8, 3 binary and detached
  receive,
  receive_batch,
  ping,
  next_state,
  wait_for,         // `number`: a state
  watch,            // reads each `span`
  add_listener,     // `number`: its ID; `which`: 1 with replay
  remove_listener,  // `number`: its ID
  cancel,           // `number`: which of the pending operations
  cancel_run,
  destroy,
  migrate,
  suspend,   // of the machine for `span`; negative: somebody sets the clock back
  handler,   // `number`: 0 taken away, 1 set, 2 takes itself away when it is called next
  provider,  // `number`: a providing; after `span` if late
  // Of the server of holdfast.v1:
  logins,     // `number`: a login_answer, after `span` if late
  forget,     // all sessions
  retain,     // `number` events of each session, from now on
  acks,       // `number`: an ack_habit; `span` or `which` messages
  throttle,   // `number`: a mask of features; `span` if not zero
  go_away,    // `span`: not to come back before
  error,      // `which`: 1 fatal
  bad_field,  // `number`: which
  heartbeat,  // `span`: for logins from now on, zero: not said; `which`: 1 unanswered from now on
  tell,       // `number` events of `which` bytes
};
std::string_view to_string(act what);

enum class moment : std::uint8_t {
  between_turns,
  inside_a_turn,
  at_a_transition,
  at_a_login,  // when the server of holdfast.v1 has heard of one, and has not answered it
};

struct event {
  clock::duration at{};
  std::size_t order = 0;  // of those at the same time
  act what{};
  fault group{};
  moment when = moment::between_turns;
  unsigned which = 0;
  std::size_t number = 0;
  clock::duration span{};
  server_script script{};
  holdfast::testing::link_conditions link{};
  letter how{};
};
// It is the server of the protocol that does it.
constexpr bool is_of_protocol(act what) { return what >= act::logins; }

enum class reading : std::uint8_t { eager, eager_single, slow, lazy, handler };
enum class ending : std::uint8_t { closed, destroyed, outlived };

struct plan {
  std::uint64_t seed = 0;
  clock::duration length{};
  holdfast::options options{};        // without URL, network and seed
  std::size_t frame_bytes = 1 << 20;  // v1_options::frame_bytes
  bool tls = false;
  std::array<holdfast::compression_options, 2> served{};  // what the servers agree to
  bool provides = false;                                  // credentials come from a provider
  bool interim = false;                                   // each answer has others before it
  bool endpoints = false;  // the second server has a URL of its own in the options
  clock::duration longest_way = std::chrono::seconds(2);  // until what has been written has arrived
  reading reader = reading::eager;
  ending end = ending::closed;
  bool clean_cut = false;  // at the end of the faults all links are reset
  bool replies = false;    // the program answers the servers' own messages, at once and a while later
  bool flapping = false;   // for a minute: only accept-then-close servers, default policy, no commands
  std::vector<event> events;
};

// The options, in one line.
std::string describe(const plan& what);

plan make_plan(std::uint64_t seed, std::chrono::minutes length, std::uint64_t without);

}  // namespace sim
