// Faults, then none, then the end: what must come back comes back, and what is closed stays closed.
#include "explore.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "desk.hpp"
#include "peer.hpp"
#include "secure.hpp"
#include "user.hpp"

namespace sim {

using holdfast::connection_state;
using holdfast::testing::port_behaviour;
using holdfast::testing::silenced;
using holdfast::testing::world;

namespace {

std::array<holdfast::peer_address, 2> places(const plan& what) {
  const std::uint16_t port = what.tls ? 443 : 80;
  return {holdfast::peer_address{net::ip::make_address("10.0.0.1"), port},
          holdfast::peer_address{net::ip::make_address("10.0.0.2"), port}};
}

bool is_calm(const holdfast::testing::link_conditions& link) {
  return link.window_bytes >= 32 << 10 && link.largest_piece_bytes >= 16 << 10 && link.latency <= 50ms &&
         link.jitter == 0s && link.bytes_per_second == 0 && !link.reset_after_bytes;
}

// A piece arrives as a whole, and nothing of it before.
bool is_steady(const holdfast::testing::link_conditions& link) {
  const auto piece = std::min(link.window_bytes, link.largest_piece_bytes);
  return link.bytes_per_second == 0 || piece <= 2 * link.bytes_per_second;
}

class expedition {
 public:
  explicit expedition(const exploration& what)
      : plan_(make_plan(what.seed, what.length, what.without)),
        world_(std::make_unique<world>(what.seed)),
        log_(what.keeps_timeline),
        mail_(log_, plan_.options.limits),
        states_(log_, plan_),
        lost_(log_),
        places_(places(plan_)),
        desk_(std::make_shared<desk>(log_)),
        v1_(plan_.options.protocol ? std::make_unique<v1_world>(log_, states_, plan_) : nullptr),
        wire_(plan_.tls ? nullptr : std::make_shared<wiretap>(world_->network())),
        peers_{make_peer(0), make_peer(1)} {}

  finding go() {
    try {
      live();
    } catch (const std::exception& e) {
      log_.violated("exception: ", e.what());
    }
    end_world();
    return {log_.violation(), log_.lines()};
  }

 private:
  std::unique_ptr<peer> make_peer(std::size_t index) {
    const auto other = url_of(plan_, 1 - index);
    return std::make_unique<peer>(around(), index, places_[index], other);
  }
  surroundings around() { return {*world_, log_, mail_, states_, plan_, v1_.get(), lost_, wire_.get()}; }
  void live();
  void apply(const event& what);
  void fall_silent(silenced which);
  void apply_name(const event& what);
  void pass_time(clock::duration until);
  void lift_faults();
  [[nodiscard]] clock::duration longest_outage() const;
  void must_come_back();
  void must_deliver();
  void must_close();
  void after_destruction();
  void end_world();
  // Runs until `fact`, checking after each step; false if it does not come true within `limit`.
  template <class Fact>
  bool wait(clock::duration limit, Fact fact);

  const plan plan_;
  std::unique_ptr<world> world_;  // ends before what its parts write to
  journal log_;
  courier mail_;
  transitions states_;
  lost_lines lost_;
  const std::array<holdfast::peer_address, 2> places_;
  const std::shared_ptr<desk> desk_;  // shared with the provider
  std::unique_ptr<v1_world> v1_;      // null: this one speaks no protocol
  std::shared_ptr<wiretap> wire_;     // null: the bytes are those of TLS
  std::array<std::unique_ptr<peer>, 2> peers_;
  std::optional<user> user_;
};

void expedition::live() {
  auto given = plan_.options;
  given.url = url_of(plan_, 0);
  if (plan_.tls) given.tls.ca_pem = authority_pem();
  if (plan_.endpoints) given.endpoints.further_urls = {url_of(plan_, 1)};
  if (plan_.provides) given.provider = desk_->as_provider();
  given.network = world_->network();
  if (wire_) given.network = wire_;
  given.random_seed = plan_.seed;
  given.log = [this](holdfast::log_level level, std::string_view line) {
    if (level != holdfast::log_level::debug || !line.starts_with("dial_step")) lost_.heard(line);
  };
  for (const std::size_t index : {0U, 1U})
    world_->network()->add_name(host_of(plan_, index), {places_[index].address});
  log_.note("* ", describe(plan_));
  user_.emplace(around(), std::move(given));
  user_->run();
  user_->start_reading(plan_.reader);
  for (const auto& each : plan_.events) {
    if (each.at > log_.elapsed()) pass_time(each.at);
    if (log_.failed()) return;
    apply(each);
    if (!user_->holds()) return after_destruction();
  }
  pass_time(plan_.length);
  lift_faults();
  if (!user_->holds()) return after_destruction();
  if (states_.must_come_back()) v1_ ? must_deliver() : must_come_back();
  if (plan_.end == ending::closed) must_close();
  if (plan_.end == ending::outlived || log_.failed()) return;
  if (user_->holds()) user_->destroy();
  after_destruction();
}

template <class Fact>
bool expedition::wait(clock::duration limit, Fact fact) {
  bool true_now = false;
  world_->run_until(
      [&] {
        user_->check();
        true_now = fact();
        return true_now || log_.failed() || !user_->holds();
      },
      limit);
  return true_now;
}

void expedition::pass_time(clock::duration until) {
  wait(until - log_.elapsed(), [] { return false; });
  const std::size_t most = states_.may_have_moved() ? 2 : 1;
  if (world_->network()->most_open_links() > most)
    log_.violated("more than ", most, " links were open at the same time");
}

void expedition::apply(const event& what) {
  auto& network = *world_->network();
  switch (what.what) {
    case act::conditions:
      network.conditions = what.link;
      states_.addresses().ways_are_even(what.link.syn_loss == 0 && what.link.jitter == 0s &&
                                        what.link.latency <= 50ms);
      states_.links_are(is_calm(what.link), is_steady(what.link));
      return log_.note("* links: latency ", what.link.latency, ", window ", what.link.window_bytes,
                       ", pieces of ", what.link.largest_piece_bytes, ", jitter ", what.link.jitter, ", ",
                       what.link.bytes_per_second, " bytes/s, loses ",
                       static_cast<int>(what.link.syn_loss * 100), " %, resets after ",
                       what.link.reset_after_bytes.value_or(0));
    case act::reset:
      log_.note("* all links are reset");
      states_.links_changed();
      return network.reset_links();
    case act::silence:
      return fall_silent(static_cast<silenced>(what.number));
    case act::name_works:
    case act::name_fails:
    case act::name_hangs:
      return apply_name(what);
    case act::port:
      log_.note("* port ", what.which,
                what.number == 0   ? " accepts"
                : what.number == 1 ? " refuses"
                                   : " swallows");
      return network.behave(places_[what.which], static_cast<port_behaviour>(what.number));
    case act::server:
      log_.note("* server ", what.which, ": ", to_string(what.script.how), ", ", what.script.span, ", ",
                what.script.code, ", ", what.script.size);
      return peers_[what.which]->follow(what.script);
    case act::suspend:
      log_.note("* the wall clock jumps by ", what.span);
      states_.jumped(what.span);
      return world_->jump_wall(what.span);
    case act::provider:
      return desk_->follow(what);
    default:
      if (is_of_protocol(what.what)) return v1_->service.obey(what);
      return user_->obey(what);
  }
}

void expedition::fall_silent(silenced which) {
  log_.note(which == silenced::both_ways   ? "* all links fall silent"
            : which == silenced::to_server ? "* nothing arrives at the servers any more"
                                           : "* nothing arrives at the client any more");
  world_->network()->silence_links(which);
  states_.links_changed();
  if (which != silenced::to_server) states_.went_silent();
  if (which != silenced::to_client && v1_) v1_->service.hears_nothing();
}

void expedition::apply_name(const event& what) {
  auto& network = *world_->network();
  if (what.what == act::name_works) {
    std::vector<net::ip::address> addresses;
    for (unsigned i = 0; i < 2; ++i) {
      if ((what.number >> i & 1U) != 0) addresses.push_back(places_[i].address);
    }
    log_.note("* the name leads to ", addresses.size(), " addresses, after ", what.span);
    states_.addresses().name_leads_to(addresses.size());
    network.add_name(host_of(plan_, 0), std::move(addresses), what.span);
  } else {
    const bool fails = what.what == act::name_fails;
    states_.addresses().name_leads_to(0);
    log_.note(fails ? "* the name is not found" : "* the resolver hangs");
    network.break_name(host_of(plan_, 0), fails ? net::error::make_error_code(net::error::host_not_found)
                                                : holdfast::error_code{});
  }
}

void expedition::lift_faults() {
  if (log_.failed()) return;
  log_.note("* no faults from now on");
  auto& network = *world_->network();
  network.conditions = {};
  network.add_name(host_of(plan_, 0), {places_[0].address});
  states_.addresses().name_leads_to(1);
  desk_->follow({});
  for (const auto& each : places_) network.behave(each, port_behaviour::accepts);
  for (const auto& each : peers_) each->follow({});
  if (v1_) v1_->service.behave();
  if (plan_.clean_cut || v1_) network.reset_links();  // a slow link would take for ever with what waits
  if (!user_->holds()) return;
  user_->forget_traps();
  user_->perform({.what = act::foreground});
  if (plan_.reader != reading::eager) user_->start_reading(reading::eager);
  wait(0s, [] { return false; });
}

// What is still open may be dead, and what waits may wait long; then one attempt must do.
clock::duration expedition::longest_outage() const {
  const auto& given = plan_.options;
  const auto longest_wait = std::max(given.retry.cap, given.retry.retry_after_limit + given.retry.base);
  return given.heartbeat.ping_interval + given.heartbeat.pong_deadline + 2 * longest_wait +
         2 * given.deadlines.attempt + given.close_timeout + 2s;
}

void expedition::must_come_back() {
  const auto bound = longest_outage();
  const bool back = wait(bound, [this] { return user_->status() == connection_state::connected; });
  if (!back && user_->holds() && states_.must_come_back()) log_.violated("not connected again after ", bound);
}

// All that waits leaves, and so does what is sent now; and the server's events come.
void expedition::must_deliver() {
  user_->perform({.what = act::send, .number = 40, .how = {.when_offline = holdfast::offline_rule::wait}});
  v1_->service.tell(1, 40);
  const auto bound = longest_outage() + 2 * plan_.options.deadlines.login;
  const bool done = wait(bound, [this] {
    return user_->status() == connection_state::connected && v1_->mail.nothing_waits() &&
           v1_->news.complete();
  });
  if (done || !user_->holds() || !states_.must_come_back()) return;
  log_.violated("after ", bound, " ", to_string(user_->status()),
                ", first message that waits: ", v1_->mail.first_waiting(),
                v1_->news.complete() ? "" : ", events are missing");
}

void expedition::must_close() {
  if (log_.failed() || !user_->holds()) return;
  // On a fresh link to a server that reads, what was accepted before leaves before (R61).
  const bool all_well = plan_.clean_cut && !v1_ && user_->status() == connection_state::connected &&
                        states_.surely_open() && plan_.options.close_timeout >= 1s;
  const auto first = mail_.count();
  for (int n = 0; all_well && n < 5; ++n) user_->perform({.what = act::send, .number = 40});
  user_->perform({.what = act::close});
  if (!wait(plan_.options.close_timeout + 100ms, [this] { return user_->has_run(); }) && user_->holds()) {
    log_.violated("close() has not ended run() in time");
  }
  if (all_well && mail_.lost_since(first) != 0)
    log_.violated("messages that were accepted before close() did not leave");
}

void expedition::after_destruction() {
  world_->settle();
  log_.note("the handle is gone, and all has settled");
  if (world_->network()->open_links() != 0) log_.violated("a link is open without a handle");
  user_->operations().close_books();
  world_->run_for(60s);
  if (world_->network()->open_links() != 0) log_.violated("a link was opened without a handle");
  mail_.check_truth();
  lost_.check();
  user_->lookers().check(states_.all());
}

void expedition::end_world() {
  if (user_) user_->leave();
  world_.reset();
}

}  // namespace

finding explore(const exploration& what) {
  if (what.fleet) return explore_fleet(what);
  return what.channels ? explore_channels(what) : expedition(what).go();
}

}  // namespace sim
