// Remembers which addresses go behind the others, and which have been tried.
module;
#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

module holdfast.core;

namespace holdfast {
namespace {

bool contains(const std::vector<peer_address>& among, const peer_address& one) {
  return std::ranges::find(among, one) != among.end();
}

// The newest stands last.
void remember(std::vector<peer_address>& among, const peer_address& one) {
  std::erase(among, one);
  if (among.size() == address_book::limit) among.erase(among.begin());
  among.push_back(one);
}

}  // namespace

bool speaks_against_address(const change_reason& why) {
  if (why.http_status >= 300 && why.http_status < 500) return false;
  if (why.error == net::error::operation_aborted) return false;  // run() was cancelled
  static constexpr std::array excused = {
      error::closed,          error::disconnect_requested, error::in_background, error::moved,
      error::unauthorized,    error::proxy_unauthorized,   error::login_refused, error::redirect_refused,
      error::provider_failed, error::provider_gave_up};
  return std::ranges::none_of(excused, [&](error each) { return why.error == each; });
}

std::vector<peer_address> address_book::order(std::vector<peer_address> resolved) const {
  std::vector<peer_address> behind;
  for (const auto& each : failed_) {
    if (std::erase(resolved, each) != 0) behind.push_back(each);
  }
  auto ordered = interleave(std::move(resolved), last_good_);
  ordered.insert(ordered.end(), behind.begin(), behind.end());
  return ordered;
}

bool address_book::attempt_failed(const address_trial& trial, const change_reason& why) {
  if (trial.network != network_) return false;  // the trial says nothing about this network
  if (trial.reached) {
    // The last good address was begun before the one that was reached, so it is no longer the faster one.
    if (last_good_ && *last_good_ != *trial.reached && contains(trial.begun, *last_good_)) {
      last_good_.reset();
      last_good_is_tried_ = false;
    }
    if (speaks_against_address(why)) put_behind(*trial.reached);
  } else if (trial.begun.size() < trial.resolved.size()) {
    for (const auto& each : trial.begun) put_behind(each);
  }
  remember_tried(trial.begun);
  return comes_to_untried(trial);
}

void address_book::session_opened(address_trial trial) {
  session_.reset();
  if (trial.network != network_) return;
  worked(trial.reached);
  if (trial.resolved.size() < 2) return;
  remember_tried(trial.begun);
  session_ = std::make_shared<const address_trial>(std::move(trial));
}

bool address_book::session_ended(const change_reason& why, bool stable) {
  const auto trial = std::exchange(session_, nullptr);
  const auto reached = trial ? trial->reached : last_good_;
  if (stable) {
    tried_.clear();
    tried_too_many_ = last_good_is_tried_ = false;
    if (reached) std::erase(failed_, *reached);
    return false;
  }
  if (reached && speaks_against_address(why)) put_behind(*reached);
  return trial && trial->reached && comes_to_untried(*trial);
}

void address_book::forget() {
  const auto next = network_ + 1;
  *this = {};
  network_ = next;
}

void address_book::put_behind(const peer_address& failed) { remember(failed_, failed); }

// If the previous last good address was tried, it goes to tried_ now.
void address_book::worked(const std::optional<peer_address>& reached) {
  const auto before = std::exchange(last_good_, reached);
  const bool was_tried = std::exchange(last_good_is_tried_, reached.has_value());
  if (before && was_tried) remember_tried({*before});
}

bool address_book::is_tried(const peer_address& one) const {
  return contains(tried_, one) || (last_good_is_tried_ && last_good_ == one);
}

void address_book::remember_tried(const std::vector<peer_address>& begun) {
  for (const auto& each : begun) {
    if (is_tried(each)) continue;
    tried_too_many_ = tried_too_many_ || tried_.size() == limit;
    if (!tried_too_many_) tried_.push_back(each);
  }
}

// An untried address behind the one that was reached does not count: the next attempt would reach that one
// again.
bool address_book::comes_to_untried(const address_trial& trial) const {
  if (tried_too_many_) return false;
  const auto next = order(trial.resolved);
  const auto end = trial.reached ? std::ranges::find(next, *trial.reached) : next.end();
  return std::any_of(next.begin(), end, [&](const peer_address& each) { return !is_tried(each); });
}

}  // namespace holdfast
