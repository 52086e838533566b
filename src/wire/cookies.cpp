// Cookies: parsed as leniently as RFC 6265 section 5.2 requires, and sent as strictly as section 4.2
// requires.
module;
#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/system/error_code.hpp>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

module holdfast.core;

import :ascii;

namespace holdfast {
namespace {

using time_point = cookie_jar::time_point;

constexpr std::size_t most_bytes_of_one = 4096;       // RFC 6265 section 6.1
constexpr std::chrono::hours longest_life{24 * 400};  // RFC 6265bis section 5.5
constexpr auto never = time_point::max();

// Removes the text up to and including `by` from the front of `rest`. Returns it trimmed, without `by`.
std::string_view take_until(std::string_view& rest, char by) {
  const auto end = rest.find(by);
  const auto taken = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return ascii::trim(taken);
}

struct pair_of_texts {
  std::string_view name;
  std::string_view value;
};

// Splits "name=value" and trims both. Without a "=" the whole text is the name.
pair_of_texts split_pair(std::string_view text) {
  const auto name = take_until(text, '=');
  return {name, ascii::trim(text)};
}

// RFC 6265 section 5.1.1: the parts of a date may come in any order, with any delimiters.
class cookie_date {
 public:
  void read(std::string_view token) {
    const auto digits =
        static_cast<std::size_t>(std::ranges::find_if_not(token, ascii::is_digit) - token.begin());
    if (!has_time_ && digits != 0 && token.find(':') != std::string_view::npos) {
      has_time_ = read_time(token);
    } else if (day_ == 0 && (digits == 1 || digits == 2)) {
      day_ = number(token.substr(0, digits));
    } else if (month_ == 0 && digits == 0) {
      month_ = read_month(token);
    } else if (!year_ && digits >= 2 && digits <= 4) {
      year_ = static_cast<int>(number(token.substr(0, digits)));
    }
  }
  [[nodiscard]] std::optional<time_point> result() const {
    if (!has_time_ || !year_ || hour_ > 23 || minute_ > 59 || second_ > 59) return std::nullopt;
    int full = *year_;
    if (full < 70) full += 2000;
    if (full < 100) full += 1900;
    const std::chrono::year_month_day date{std::chrono::year(full), std::chrono::month(month_),
                                           std::chrono::day(day_)};
    if (!date.ok() || full < 1601) return std::nullopt;
    // A clock that counts nanoseconds covers the years 1677 to 2262. Before 1970 means expired, after 2200
    // never.
    if (full < 1970) return time_point{};
    if (full > 2200) return never;
    return time_point(std::chrono::sys_days(date)) + std::chrono::hours(hour_) +
           std::chrono::minutes(minute_) + std::chrono::seconds(second_);
  }

 private:
  static unsigned number(std::string_view digits) {
    unsigned out = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return out;
  }
  // "h:m:s", of one or two digits each.
  bool read_time(std::string_view token) {
    for (auto* part : {&hour_, &minute_, &second_}) {
      const auto text = take_until(token, ':');
      const auto digits =
          static_cast<std::size_t>(std::ranges::find_if_not(text, ascii::is_digit) - text.begin());
      if (digits == 0 || digits > 2) return false;
      *part = number(text.substr(0, digits));
    }
    return true;
  }
  static unsigned read_month(std::string_view token) {
    static constexpr std::array<std::string_view, 12> names = {"jan", "feb", "mar", "apr", "may", "jun",
                                                               "jul", "aug", "sep", "oct", "nov", "dec"};
    const auto found = std::ranges::find_if(
        names, [&](std::string_view each) { return boost::beast::iequals(token.substr(0, 3), each); });
    return found == names.end() ? 0 : static_cast<unsigned>(found - names.begin()) + 1;
  }

  bool has_time_ = false;
  unsigned hour_ = 0, minute_ = 0, second_ = 0, day_ = 0, month_ = 0;
  std::optional<int> year_;
};

std::optional<time_point> read_date(std::string_view text) {
  const auto is_delimiter = [](char c) { return !ascii::is_digit(c) && c != ':' && !ascii::is_letter(c); };
  cookie_date date;
  while (!text.empty()) {
    const auto end = std::ranges::find_if(text, is_delimiter) - text.begin();
    date.read(text.substr(0, static_cast<std::size_t>(end)));
    text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(end) + 1));
  }
  return date.result();
}

// RFC 6265 section 5.2.2. Returns nothing if the text is not a number: the attribute is then ignored.
std::optional<time_point> read_max_age(std::string_view text, time_point now) {
  const bool negative = text.starts_with('-');
  const auto digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || !std::ranges::all_of(digits, ascii::is_digit)) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (negative || (ec == std::errc{} && seconds == 0)) return time_point::min();
  const std::chrono::seconds longest = longest_life;
  return now + (ec == std::errc{} ? std::min(std::chrono::seconds(seconds), longest) : longest);
}

// RFC 6265 section 5.1.3: `host` is `domain`, or a name below it.
bool is_within(std::string_view host, std::string_view domain) {
  if (boost::beast::iequals(host, domain)) return true;
  boost::system::error_code not_literal;
  net::ip::make_address(std::string(host), not_literal);
  if (!not_literal || host.size() <= domain.size()) return false;
  const auto split = host.size() - domain.size();
  return host[split - 1] == '.' && boost::beast::iequals(host.substr(split), domain);
}

// The zone of an address is part of the key: the same address on another link is another server.
std::string key_of(const target& to) { return to_origin(to) + ' ' + to.host; }

std::string_view path_of(const target& to) {
  const std::string_view whole = to.path;
  return whole.substr(0, whole.find('?'));
}

// RFC 6265 section 5.1.4.
std::string default_path(const target& from) {
  const auto path = path_of(from);
  const auto last = path.rfind('/');
  return last == std::string_view::npos || last == 0 ? "/" : std::string(path.substr(0, last));
}

bool path_matches(std::string_view path, std::string_view cookies) {
  if (!path.starts_with(cookies)) return false;
  return path.size() == cookies.size() || cookies.ends_with('/') || path[cookies.size()] == '/';
}

bool has_name(std::string_view cookies, std::string_view name) {
  while (!cookies.empty()) {
    if (split_pair(take_until(cookies, ';')).name == name) return true;
  }
  return false;
}

}  // namespace

void cookie_jar::store(const target& from, const header_list& answer, time_point now) {
  for (const auto& [field, text] : answer) {
    if (!is_same_header(field, "Set-Cookie")) continue;
    std::string_view rest = text;
    const auto [name, value] = split_pair(take_until(rest, ';'));
    entry one{key_of(from), default_path(from), std::string(name), std::string(value), never};
    bool foreign = false;
    bool secure = false;
    std::optional<time_point> by_age;
    while (!rest.empty()) {
      const auto [attribute, setting] = split_pair(take_until(rest, ';'));
      if (is_same_header(attribute, "Path")) {
        one.path = setting.starts_with('/') ? std::string(setting) : default_path(from);
      } else if (is_same_header(attribute, "Secure")) {
        secure = true;
      } else if (is_same_header(attribute, "Domain") && !setting.empty()) {
        foreign = !is_within(from.host, setting.substr(setting.starts_with('.') ? 1 : 0));
      } else if (is_same_header(attribute, "Expires")) {
        one.ends = read_date(setting).value_or(one.ends);
      } else if (is_same_header(attribute, "Max-Age")) {
        if (const auto ends = read_max_age(setting, now)) by_age = ends;
      }
    }
    one.ends = by_age.value_or(one.ends);  // Max-Age has precedence
    const bool fits = one.name.size() + one.value.size() <= most_bytes_of_one && is_field_value(text);
    if (!name.empty() && fits && !foreign && (from.secure || !secure)) put(std::move(one), now);
  }
}

// A cookie that is replaced keeps its place (RFC 6265 section 5.3, step 11).
void cookie_jar::put(entry one, time_point now) {
  const auto found = std::ranges::find_if(entries_, [&](const entry& each) {
    return each.name == one.name && each.path == one.path && each.origin == one.origin;
  });
  const bool ended = one.ends <= now;
  if (found != entries_.end()) {
    if (ended) {
      entries_.erase(found);
    } else {
      *found = std::move(one);
    }
  } else if (!ended) {
    entries_.push_back(std::move(one));
  }
  while (entries_.size() > most_cookies || bytes() > most_bytes) entries_.erase(entries_.begin());
}

std::size_t cookie_jar::bytes() const {
  std::size_t out = 0;
  for (const auto& each : entries_) out += each.name.size() + each.value.size();
  return out;
}

std::string cookie_jar::header(const target& to, std::string_view own, time_point now) const {
  std::vector<const entry*> wanted;
  const auto origin = key_of(to);
  for (const auto& each : entries_) {
    if (each.ends > now && each.origin == origin && path_matches(path_of(to), each.path) &&
        !has_name(own, each.name))
      wanted.push_back(&each);
  }
  // RFC 6265 section 5.4: longer paths first, then older cookies.
  std::ranges::sort(wanted, [](const entry* a, const entry* b) {
    return a->path.size() != b->path.size() ? a->path.size() > b->path.size() : a < b;
  });
  std::string out(own);
  for (const auto* each : wanted) out += (out.empty() ? "" : "; ") + each->name + '=' + each->value;
  return out;
}

void cookie_jar::forget(const target& of) {
  std::erase_if(entries_, [origin = key_of(of)](const entry& each) { return each.origin == origin; });
}

}  // namespace holdfast
