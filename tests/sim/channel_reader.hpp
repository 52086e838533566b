// One subscriber of a world of channels, and what it has been promised: no event twice, in their order, each
// loss and each gap told.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "channel_words.hpp"
#include "journal.hpp"

namespace sim {

class channel_reader {
 public:
  channel_reader(channels::subscription of, journal& log, bool may_pause)
      : on_(std::move(of)), log_(log), may_pause_(may_pause) {
    next();
  }
  channel_reader(const channel_reader&) = delete;
  channel_reader& operator=(const channel_reader&) = delete;
  ~channel_reader() { *alive_ = false; }

  void pause(bool paused) {
    paused_ = paused && may_pause_;
    if (!paused_ && !waits_) next();
  }
  [[nodiscard]] const std::string& channel() const { return on_.name(); }
  [[nodiscard]] bool serves() const { return serves_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] std::int64_t last() const { return last_; }

 private:
  void next() {
    waits_ = true;
    on_.receive([this, alive = alive_](holdfast::error_code ec, const channels::item& what) {
      if (!*alive) return;
      waits_ = false;
      if (ec) return;
      std::visit([this](const auto& each) { take(each); }, what);
      if (!paused_) next();
    });
  }
  template <class... Parts>
  void wrong(const Parts&... parts) {
    log_.violated("subscriber of ", channel(), ": ", parts...);
  }

  void take(const channels::event& what) {
    const auto number = what.data.as_int64();
    log_.note("reader ", channel(), " < ", number);
    if (what.name != channel()) wrong("an event of ", what.name);
    if (!serves_) wrong("event ", number, " although it is not served");
    if (number <= last_) wrong("event ", number, " behind ", last_);
    if (last_ != 0) check_gap(number - last_ - 1);
    last_ = number;
    missed_ = 0;
    dropped_ = 0;
    may_come_ = false;
  }
  // Events that were dropped may have stood between two losses, of which only the last is remembered here.
  void check_gap(std::int64_t gap) {
    const auto told = static_cast<std::int64_t>(missed_.value_or(0)) + dropped_;
    const bool is_exact = missed_ && dropped_ == 0;
    const bool has_come = gap == 0 && may_come_;
    if (is_exact ? gap != told && !has_come : gap < dropped_)
      wrong(gap, " events were missing behind ", last_, ", and ", told, " were told to be");
  }
  void take(const channels::subscribed& told) {
    log_.note("reader ", channel(), told.recovered ? " recovered" : " subscribed");
    if (serves_) wrong("subscribed twice");
    if (told.again != was_served_) wrong("told that it is ", told.again ? "again" : "for the first time");
    if (told.recovered && !was_served_) wrong("recovered, though there was nothing before");
    // Since the last event that came to the client, also if that was lost twice since. What was told before
    // may come after all, if the server begins behind that event, or may not, if it resumes the session.
    if (!told.recovered) missed_ = was_served_ ? told.missed : 0;
    if (told.recovered) may_come_ = true;
    serves_ = was_served_ = true;
  }
  void take(const channels::lost&) {
    log_.note("reader ", channel(), " lost");
    if (!serves_) wrong("lost what was not served");
    serves_ = false;
  }
  void take(const channels::overflow& told) { dropped_ += static_cast<std::int64_t>(told.dropped); }
  void take(const channels::ended&) {
    if (ended_) wrong("ended twice");
    serves_ = false;
    ended_ = true;
  }

  channels::subscription on_;
  journal& log_;
  const bool may_pause_;
  std::int64_t last_ = 0;
  std::optional<std::uint64_t> missed_ = 0;  // empty: some, perhaps
  std::int64_t dropped_ = 0;
  bool may_come_ = false;
  bool serves_ = false;
  bool was_served_ = false;
  bool ended_ = false;
  bool paused_ = false;
  bool waits_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sim
