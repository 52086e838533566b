#include "fleet_process.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <charconv>
#include <chrono>
#include <exception>
#include <utility>

namespace sim {
namespace {

// The number behind `name` in a text of ours.
std::uint64_t number_in(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  std::uint64_t out = 0;
  if (at != std::string_view::npos)
    std::from_chars(text.data() + at + name.size(), text.data() + text.size(), out);
  return out;
}

}  // namespace

fleet_process::fleet_process(fleet_stage& on, std::string id, double rate, std::uint64_t number)
    : stage_(on), id_(std::move(id)), number_(number), machine_(on.world, rate) {
  coordinator_ = stage_.broker.seen_from(machine_);
  server_.emplace(stage_.world.executor());
  machine_.network()->listen(place_,
                             [this](holdfast::transport stream) { server_->accept(std::move(stream)); });
  machine_.network()->conditions.latency = stage_.plan.latency;
  stage_.backend.serve(*server_);
}

void fleet_process::run() {
  machine_.within([this] { begin(); });
}

void fleet_process::begin() {
  worker_.emplace(
      machine_.executor(), coordinator_,
      fleet::worker_options{
          .fleet = "sim",
          .id = id_,
          .capacity = 100,
          .shards = stage_.plan.shards,
          .log = [this](holdfast::log_level, std::string_view line) { stage_.log.note(id_, ": ", line); },
          .random_seed = stage_.plan.seed * 1'000 + number_});
  net::co_spawn(
      machine_.executor(),
      [this] { return worker_->run([this](fleet::lease& lease) { return hold(lease); }); },
      [this](const std::exception_ptr& thrown) {
        ended_ = true;
        if (!thrown) return stage_.log.note(id_, " has ended");
        try {
          std::rethrow_exception(thrown);
        } catch (const std::exception& e) {
          stage_.log.violated(id_, " has failed: ", e.what());
        }
      });
}

holdfast::options fleet_process::options_for(const std::string& key, std::uint64_t epoch) {
  holdfast::options out;
  out.url = "ws://10.0.0.1/";
  out.protocol = holdfast::v1();
  out.subprotocols = {std::string(holdfast::v1_subprotocol)};
  out.network = machine_.network();
  out.random_seed = stage_.plan.seed * 7'919 + epoch;
  out.log = [&log = stage_.log, id = id_, key](holdfast::log_level level, std::string_view line) {
    if (level != holdfast::log_level::debug) log.note(id, ", ", key, ": ", line);
  };
  out.provider = [key](holdfast::credential_request) -> net::awaitable<holdfast::credentials> {
    co_return holdfast::credentials{.token = key};
  };
  return out;
}

// Reads events, and has each in the stream before it asks for the next.
net::awaitable<void> fleet_process::hold(fleet::lease& lease) {
  const auto key = lease.key();
  const auto epoch = lease.epoch();
  stage_.ledger.begins(key, epoch, id_);
  holdfast::connection conn(machine_.executor(), options_for(key, epoch));
  lease.attach(conn);
  struct entry_in {
    std::shared_ptr<std::map<std::string, holding>> all;
    const std::string& key;
    ~entry_in() { all->erase(key); }
  };
  (*holdings_)[key] = {&lease, &conn};
  const entry_in mine{holdings_, key};
  conn.run(net::detached);
  for (;;) {
    const auto event = co_await conn.receive();
    const auto number = number_in(event.payload, "\"n\":");
    stage_.log.note(id_, " gets event ", number, " of ", key);
    if (!lease.holds()) stage_.log.violated(id_, " gets event ", number, " of ", key, " without the lease");
    stage_.ledger.delivered(key, epoch, number, {});
    for (bool done = false; !done;) {
      const auto how = co_await lease.publish(event.payload, std::to_string(number));
      done = how.has_value();
      if (done) stage_.ledger.published(key, number);
      if (done) continue;
      holdfast::timer pause(machine_.executor());
      co_await pause.async_wait_until(holdfast::clock::now() + 200ms);
    }
  }
}

bool fleet_process::acts_for(const std::string& key) const {
  const auto found = holdings_->find(key);
  if (found == holdings_->end() || machine_.is_stopped()) return false;
  bool holds = false;
  machine_.within([&] { holds = found->second.lease->holds(); });
  return holds;
}

bool fleet_process::is_well() const {
  return worker_ && !dead_ && !ended_ && !draining_ && !machine_.is_stopped() && !cut_from_broker_ &&
         !cut_from_server_ && held_up_ == 0;
}

void fleet_process::send_messages() {
  if (machine_.is_stopped()) return;
  machine_.within([this] {
    for (const auto& [key, with] : *holdings_) send_one(key, with);
  });
}

void fleet_process::send_one(const std::string& key, const holding& with) {
  const auto number = ++stage_.last_message[key];
  const auto text = R"({"key":")" + key + R"(","e":)" + std::to_string(with.lease->epoch()) + R"(,"m":)" +
                    std::to_string(number) + "}";
  with.conn->send(text, {.when_offline = holdfast::offline_rule::wait},
                  [this, key, number](holdfast::send_result how) {
                    stage_.log.note(id_, ": message ", number, " of ", key, ": ", to_string(how.outcome));
                    stage_.ledger.settled(key, number, how.outcome);
                  });
}

void fleet_process::kill() {
  dead_ = true;
  machine_.kill();
}

void fleet_process::cut_from_broker(bool cut) {
  cut_from_broker_ = cut;
  stage_.broker.cut(machine_, cut);
}

void fleet_process::hold_up(bool held) {
  held_up_ += held ? 1 : -1;
  stage_.broker.hold_up(machine_, held);
}

void fleet_process::cut_from_server(bool cut) {
  cut_from_server_ = cut;
  if (cut) machine_.network()->silence_links();
  machine_.network()->behave(
      place_, cut ? holdfast::testing::port_behaviour::swallows : holdfast::testing::port_behaviour::accepts);
}

}  // namespace sim
