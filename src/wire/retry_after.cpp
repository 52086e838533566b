// How long a server that refuses us wants to be left alone. Its wish can have many forms: a span of time, or
// a moment. Of several wishes the longest counts, and all are cut to a year.
module;
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

module holdfast.core;

import :ascii;

namespace holdfast {
namespace {

constexpr double longest_wish = 365.0 * 24 * 3600;  // in seconds, as all numbers here; longer ones are cut

// A field that carries such a wish, and the unit of a number in it, in seconds.
struct wish_field {
  std::string_view name;
  double unit;
  std::string_view remaining{};  // the field with the number of requests still allowed
};
constexpr std::array wish_fields{
    wish_field{"Retry-After", 1},
    wish_field{"X-Retry-After", 1},
    wish_field{"Retry-After-Ms", 1e-3},
    wish_field{"X-Ms-Retry-After-Ms", 1e-3},
    wish_field{"X-RateLimit-Reset-After", 1, "X-RateLimit-Remaining"},
    wish_field{"X-RateLimit-Reset", 1, "X-RateLimit-Remaining"},
    wish_field{"X-Rate-Limit-Reset", 1, "X-Rate-Limit-Remaining"},
    wish_field{"RateLimit-Reset", 1, "RateLimit-Remaining"},
};

constexpr std::array<std::string_view, 7> weekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months{"January",   "February", "March",    "April",
                                                  "May",       "June",     "July",     "August",
                                                  "September", "October",  "November", "December"};

// Removes the quotes around the text, unless there are more of them inside.
std::string_view unquote(std::string_view text) {
  text = ascii::trim(text);
  if (text.size() < 2 || (text.front() != '"' && text.front() != '\'') || text.front() != text.back())
    return text;
  const auto inside = text.substr(1, text.size() - 2);
  return inside.find(text.front()) == std::string_view::npos ? ascii::trim(inside) : text;
}

// Returns the index of `word` among `names`, or names.size(). At least three letters of a name are enough.
template <std::size_t count>
std::size_t find_name(std::string_view word, const std::array<std::string_view, count>& names) {
  const auto is_it = [&](std::string_view name) {
    return word.size() >= 3 && is_same_header(word, name.substr(0, word.size()));
  };
  return static_cast<std::size_t>(std::ranges::find_if(names, is_it) - names.begin());
}

std::string_view take_while(std::string_view& text, bool (*belongs)(char)) {
  const auto end = std::ranges::find_if_not(text, belongs);
  const auto taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

bool take(std::string_view& text, char wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(1);
  return true;
}

int to_number(std::string_view digits) {
  int value = 0;
  for (const char digit : digits) value = 10 * value + (digit - '0');
  return value;
}

std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count || !std::ranges::all_of(text.substr(0, count), ascii::is_digit))
    return std::nullopt;
  const auto value = to_number(text.substr(0, count));
  text.remove_prefix(count);
  return value;
}

// Reads digits with at most one point. Digits that no longer matter (beyond 30, or 16 behind the point) are
// skipped.
std::optional<double> take_number(std::string_view& text) {
  double value = 0;
  double place = 1;
  bool has_digit = false;
  bool has_point = false;
  for (; !text.empty(); text.remove_prefix(1)) {
    const char c = text.front();
    if (c == '.' && !has_point) {
      has_point = true;
    } else if (ascii::is_digit(c)) {
      has_digit = true;
      if (value > 1e30 || place > 1e15) continue;
      value = 10 * value + (c - '0');
      if (has_point) place *= 10;
    } else {
      break;
    }
  }
  return has_digit ? std::optional(value / place) : std::nullopt;
}

// Returns seconds, or nothing if `word` is not a unit.
std::optional<double> unit_of(std::string_view word) {
  struct row {
    std::string_view name;
    double seconds;
  };
  static constexpr std::array rows{
      row{"ms", 1e-3}, row{"msec", 1e-3}, row{"milli", 1e-3}, row{"millisecond", 1e-3}, row{"s", 1},
      row{"sec", 1},   row{"second", 1},  row{"m", 60},       row{"min", 60},           row{"minute", 60},
      row{"h", 3600},  row{"hr", 3600},   row{"hour", 3600},  row{"d", 86400},          row{"day", 86400}};
  if (word.size() > 2 && (word.back() == 's' || word.back() == 'S')) word.remove_suffix(1);
  const auto found =
      std::ranges::find_if(rows, [&](const row& each) { return is_same_header(each.name, word); });
  return found == rows.end() ? std::nullopt : std::optional(found->seconds);
}

// Reads "120s", "2 minutes", "1h30m", and the PT2M of ISO 8601.
std::optional<double> read_span(std::string_view text) {
  if (is_same_header(text.substr(0, 2), "PT")) text.remove_prefix(2);
  std::optional<double> total;
  while (!text.empty()) {
    const auto number = take_number(text);
    text = ascii::trim(text);
    const auto unit = unit_of(take_while(text, ascii::is_letter));
    if (!number || !unit) return std::nullopt;
    total = total.value_or(0) + *number * *unit;
    text = ascii::trim(text);
  }
  return total;
}

// Reads seconds, milliseconds, microseconds or nanoseconds since 1970, if the number is too large for a span
// (more than thirty years). No number fits two of these units.
std::optional<double> as_unix_time(double number, double largest_unit) {
  for (const double unit : {1.0, 1e-3, 1e-6, 1e-9}) {
    const auto seconds = number * unit;
    if (unit <= largest_unit && seconds >= 1e9 && seconds < 1e11) return seconds;
  }
  return std::nullopt;
}

// Reads 08:49, 08:49:37 or 08:49:37.5, as seconds since midnight.
std::optional<double> take_time(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  std::optional<double> second = 0.0;
  if (take(text, ':'))
    second = text.empty() || !ascii::is_digit(text.front()) ? std::nullopt : take_number(text);
  if (!minute || !second || *hour > 23 || *minute > 59 || *second >= 61) return std::nullopt;
  return 3600.0 * *hour + 60.0 * *minute + *second;
}

// Returns what to subtract from the local time. An empty text, as in an asctime date, means UTC.
std::optional<double> read_zone(std::string_view text) {
  for (const auto* name : {"", "Z", "GMT", "UTC", "UT"}) {
    if (is_same_header(text, name)) return 0;
  }
  const bool west = text.starts_with('-');
  if (!west && !text.starts_with('+')) return std::nullopt;
  text.remove_prefix(1);
  const auto hours = take_digits(text, 2);
  take(text, ':');
  const auto minutes = text.empty() ? std::optional(0) : take_digits(text, 2);
  if (!hours || !minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
  return (west ? -1.0 : 1.0) * (3600.0 * *hours + 60.0 * *minutes);
}

// Returns seconds since 1970, or nothing if there is no such day.
std::optional<double> to_moment(int year, int month, int day, double time, double zone) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const std::chrono::duration<double> midnight = std::chrono::sys_days(date).time_since_epoch();
  return midnight.count() + time - zone;
}

// RFC 3339 and ISO 8601: 1994-11-06T08:49:37Z.
std::optional<double> read_iso_date(std::string_view text) {
  const auto year = take_digits(text, 4);
  const bool dash = take(text, '-');
  const auto month = take_digits(text, 2);
  const bool second_dash = take(text, '-');
  const auto day = take_digits(text, 2);
  if (!year || !dash || !month || !second_dash || !day) return std::nullopt;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  const auto time = take_time(text);
  const auto zone = read_zone(ascii::trim(text));
  if (!time || !zone) return std::nullopt;
  return to_moment(*year, *month, *day, *time, *zone);
}

// RFC 9110 section 5.6.7: two digits mean the year that is not more than 50 years ahead.
std::optional<int> read_year(std::string_view digits, int year_now) {
  if (digits.size() == 4) return to_number(digits);
  if (digits.size() != 2) return std::nullopt;
  const auto year = year_now - year_now % 100 + to_number(digits);
  if (year > year_now + 50) return year - 100;
  return year <= year_now - 50 ? year + 100 : year;
}

// Reads the three forms of RFC 9110 section 5.6.7, and variants of them: with another zone, or without a
// weekday.
std::optional<double> read_http_date(std::string_view text, int year_now) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon < 2) return std::nullopt;
  auto behind = text.substr(colon - 2);
  const auto time = take_time(behind);
  std::string_view day;
  std::string_view year;
  int month = 0;
  for (auto before = text.substr(0, colon - 2); !before.empty();) {
    if (const auto digits = take_while(before, ascii::is_digit); !digits.empty()) {
      (day.empty() ? day : year) = digits;
    } else if (const auto word = take_while(before, ascii::is_letter); word.empty()) {
      if (std::string_view(" ,-\t").find(before.front()) == std::string_view::npos) return std::nullopt;
      before.remove_prefix(1);
    } else if (const auto found = find_name(word, months); found < months.size()) {
      month = static_cast<int>(found) + 1;
    } else if (find_name(word, weekdays) == weekdays.size()) {
      return std::nullopt;
    }
  }
  behind = ascii::trim(behind);
  if (year.empty()) {  // asctime: the year comes last
    const auto at = behind.find_last_of(" \t") + 1;
    year = behind.substr(at);
    behind = ascii::trim(behind.substr(0, at));
  }
  const auto zone = read_zone(behind);
  if (!time || !zone || month == 0 || day.empty() || day.size() > 2 ||
      !std::ranges::all_of(year, ascii::is_digit))
    return std::nullopt;
  const auto full_year = read_year(year, year_now);
  return full_year ? to_moment(*full_year, month, to_number(day), *time, *zone) : std::nullopt;
}

std::optional<double> read_date(std::string_view text, int year_now) {
  const auto moment = read_iso_date(text);
  return moment ? moment : read_http_date(text, year_now);
}

// The present for this answer: by the server's own clock if the answer has a Date, because ours may be wrong.
struct present {
  double moment;
  int year;
};
present present_of(const http_head& answer) {
  const auto ours = clock::wall();
  const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(ours));
  const int year = static_cast<int>(today.year());
  const auto seconds = std::chrono::duration<double>(ours.time_since_epoch()).count();
  return {read_date(unquote(answer.header("Date")), year).value_or(seconds), year};
}

// Returns one wish in seconds from now, or nothing if it cannot be read.
std::optional<double> read_wish(std::string_view text, double unit, const present& now) {
  auto rest = text;
  const bool negative = take(rest, '-');
  if (!negative) take(rest, '+');
  const auto unsigned_text = ascii::trim(rest);
  rest = unsigned_text;
  const auto number = take_number(rest);
  if (number && rest.empty()) {
    if (negative) return 0;
    const auto moment = as_unix_time(*number, unit);
    return moment ? *moment - now.moment : *number * unit;
  }
  if (const auto span = read_span(unsigned_text)) return negative ? 0 : *span;
  const auto moment = read_date(text, now.year);
  return moment ? std::optional(*moment - now.moment) : std::nullopt;
}

// Splits a list into its values. The comma behind a weekday belongs to the date. Parameters (";…") are
// skipped.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> out;
  text = unquote(text);
  while (!text.empty()) {
    auto end = text.find(',');
    const auto word = ascii::trim(text.substr(0, end));
    const auto bare = word.substr(std::min(word.find_first_not_of("\"'"), word.size()));
    if (end != std::string_view::npos && find_name(bare, weekdays) < weekdays.size())
      end = text.find(',', end + 1);
    const auto value = text.substr(0, end);
    text.remove_prefix(std::min(value.size() + 1, text.size()));
    if (const auto each = unquote(value.substr(0, value.find(';'))); !each.empty()) out.push_back(each);
  }
  return out;
}

// Servers send rate limits with every answer. While requests are left, they are no wish, unless the answer is
// 429 (too many requests).
bool counts(const wish_field& field, const http_head& answer) {
  if (field.remaining.empty() || answer.status == 429) return true;
  auto left = unquote(answer.header(field.remaining));
  return take_number(left).value_or(0) <= 0;
}

}  // namespace

retry_wish read_retry_after(const http_head& answer) {
  retry_wish out;
  if (answer.status < 300) return out;
  const auto now = present_of(answer);
  for (const auto& [name, value] : answer.headers) {
    const auto field =
        std::ranges::find_if(wish_fields, [&](const auto& each) { return is_same_header(each.name, name); });
    if (field == wish_fields.end() || !counts(*field, answer)) continue;
    const auto wishes = split(value);
    out.unreadable = out.unreadable || wishes.empty();
    for (const auto& each : wishes) {
      const auto wish = read_wish(each, field->unit, now);
      out.unreadable = out.unreadable || !wish;
      if (!wish) continue;
      const std::chrono::duration<double> bounded(std::clamp(*wish, 0.0, longest_wish));
      const clock::duration after = std::chrono::round<std::chrono::microseconds>(bounded);
      out.after = std::max(out.after.value_or(clock::duration{}), after);
    }
  }
  return out;
}

}  // namespace holdfast
