// How long a server that refuses wants to be left alone, in every form in which servers say so.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast;
import holdfast.wire;

using namespace holdfast;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(retry_after_values)

namespace {

// By the server's clock it is this moment, unless a test says otherwise.
const std::string now = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr clock::duration a_year = std::chrono::hours(24 * 365);

retry_wish read(header_list fields, unsigned status = 503) {
  fields.emplace_back("Date", now);
  return read_retry_after({.status = status, .headers = std::move(fields)});
}

void check_wish(const retry_wish& wish, std::optional<clock::duration> after, bool unreadable = false) {
  BOOST_TEST(wish.after.has_value() == after.has_value());
  if (wish.after && after)
    BOOST_TEST((*wish.after == *after), wish.after->count() << " ns, wanted " << after->count());
  BOOST_TEST(wish.unreadable == unreadable);
}

struct row {
  std::string value;
  clock::duration after;
};

void check_all(const std::vector<row>& rows, const std::string& name = "Retry-After") {
  for (const auto& each : rows) {
    BOOST_TEST_CONTEXT(name << ": " << each.value) { check_wish(read({{name, each.value}}), each.after); }
  }
}

}  // namespace

// covers R52
BOOST_AUTO_TEST_CASE(it_counts_with_every_status_that_refuses) {
  for (const unsigned status :
       {300U, 302U, 400U, 401U, 403U, 404U, 408U, 418U, 425U, 429U, 500U, 502U, 503U, 599U, 999U})
    check_wish(read({{"Retry-After", "40"}}, status), 40s);
  for (const unsigned status : {100U, 101U, 200U})
    check_wish(read({{"Retry-After", "40"}}, status), std::nullopt);
  check_wish(read({{"X-Other", "40"}}), std::nullopt);
}

// covers R52
BOOST_AUTO_TEST_CASE(seconds_are_read_as_careless_servers_write_them) {
  check_all({{"120", 120s},
             {"0", 0s},
             {"007", 7s},
             {"1.5", 1500ms},
             {"0.25", 250ms},
             {".5", 500ms},
             {"1.1", 1100ms},
             {"3.", 3s},
             {"+5", 5s},
             {"-5", 0s},
             {"-1.5", 0s},
             {" 120\t", 120s},
             {"\"120\"", 120s},
             {"'120'", 120s},
             {"\" 120 \"", 120s},
             {"120;w=60", 120s},
             {"0." + std::string(400, '0') + "1", 0s}});
}

// covers R52
BOOST_AUTO_TEST_CASE(units_are_read) {
  check_all({{"120s", 120s},
             {"120 s", 120s},
             {"2 minutes", 120s},
             {"2 MINUTES", 120s},
             {"1 minute", 60s},
             {"5 secs", 5s},
             {"30 seconds", 30s},
             {"500ms", 500ms},
             {"500 msec", 500ms},
             {"1m30s", 90s},
             {"1h 2m 3s", 3723s},
             {"1.5h", 5400s},
             {"2 hours", 7200s},
             {"1d", 86400s},
             {"PT2M", 120s},
             {"PT1H30M", 5400s},
             {"\"10s\"", 10s},
             {"-10s", 0s},
             {"250 milliseconds", 250ms}});
}

// covers R52
BOOST_AUTO_TEST_CASE(all_forms_of_a_date_are_read) {
  check_all({{"Sun, 06 Nov 1994 08:51:37 GMT", 120s},
             {"Sunday, 06-Nov-94 08:51:37 GMT", 120s},
             {"Sun Nov  6 08:51:37 1994", 120s},
             {"Mon, 07 Nov 1994 08:49:37 GMT", 86400s},
             {"Mon Nov 14 08:49:37 1994", 8 * 86400s},
             {"Sun, 06 Nov 1994 08:49:37 GMT", 0s},
             {"Sun, 06 Nov 1994 08:00:00 GMT", 0s},
             {"sun, 06 nov 1994 08:51:37 gmt", 120s},
             {"06 Nov 1994 08:51:37 UTC", 120s},
             {"Sun, 6 Nov 1994 08:51:37 +0000", 120s},
             {"Sun, 06 Nov 1994 10:51:37 +0200", 120s},
             {"Sun, 06 Nov 1994 00:51:37 -0800", 120s},
             {"Sun Nov  6 08:51:37 UTC 1994", 120s},
             {"\"Sun, 06 Nov 1994 08:51:37 GMT\"", 120s},
             {"  Sun,  06 Nov 1994  08:51:37 GMT ", 120s},
             {"Sun, 06 Nov 1994 08:51:37", 120s}});
}

// covers R52
BOOST_AUTO_TEST_CASE(dates_of_iso_8601_are_read) {
  check_all({{"1994-11-06T08:51:37Z", 120s},
             {"1994-11-06t08:51:37z", 120s},
             {"1994-11-06T08:51:37.5Z", 120s + 500ms},
             {"1994-11-06T08:51:37+00:00", 120s},
             {"1994-11-06T10:51:37+02:00", 120s},
             {"1994-11-06T00:51:37-0800", 120s},
             {"1994-11-06T14:21:37+05:30", 120s},
             {"1994-11-06 08:51:37Z", 120s},
             {"1994-11-06T08:51:37", 120s},
             {"1994-11-06T08:51Z", 83s},
             {"1994-11-05T08:51:37Z", 0s}});
}

// covers R52
BOOST_AUTO_TEST_CASE(a_number_too_large_for_a_span_is_a_time_stamp) {
  const auto by_stamp = [](const std::string& stamp) {
    // The Date is that of the stamps: 2023-11-14 22:13:20 GMT is 1700000000.
    return read_retry_after(
        {.status = 429, .headers = {{"Date", "Tue, 14 Nov 2023 22:13:20 GMT"}, {"Retry-After", stamp}}});
  };
  check_wish(by_stamp("1700000120"), 120s);
  check_wish(by_stamp("1700000120.5"), 120s + 500ms);
  check_wish(by_stamp("1700000120000"), 120s);
  check_wish(by_stamp("1700000120000000"), 120s);
  check_wish(by_stamp("1700000120000000000"), 120s);
  check_wish(by_stamp("1699999999"), 0s);
}

// covers R52
BOOST_AUTO_TEST_CASE(huge_values_are_bounded) {
  check_all({{"31536000", a_year},
             {"31536001", a_year},
             {"999999999", a_year},
             {"9223372036854775807", a_year},
             {"18446744073709551616", a_year},
             {std::string(1000, '9'), a_year},
             {std::string(1000, '9') + "." + std::string(1000, '9') + " days", a_year},
             {"-" + std::string(1000, '9'), 0s},
             {"Fri, 31 Dec 9999 23:59:59 GMT", a_year},
             {"9999-12-31T23:59:59Z", a_year},
             {"0000-01-01T00:00:00Z", 0s}});
}

// covers R52
BOOST_AUTO_TEST_CASE(of_several_values_the_longest_counts) {
  check_all({{"5, 120", 120s},
             {"120, 5,", 120s},
             {",, 7", 7s},
             {"5, Sun, 06 Nov 1994 08:51:37 GMT, 30s", 120s},
             {"Sun, 06 Nov 1994 08:51:37 GMT, 300", 300s},
             {"\"Sun, 06 Nov 1994 08:51:37 GMT\", \"10\"", 120s}});
  check_wish(read({{"Retry-After", "5"}, {"retry-after", "120"}, {"RETRY-AFTER", "60"}}), 120s);
  check_wish(read({{"Retry-After", "5"}, {"X-RateLimit-Reset-After", "12.5"}, {"retry-after-ms", "700"}}),
             12500ms);
}

// covers R52
BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_told_and_hides_nothing_that_can) {
  for (const auto* value : {"",
                            "soon",
                            "120 parsecs",
                            "1h30",
                            "one",
                            "--5",
                            "1.2.3",
                            "0x10",
                            "12:30",
                            "Sun, 31 Feb 1994 08:49:37 GMT",
                            "Sun, 06 Nov 1994 25:00:00 GMT",
                            "Sun, 06 Foo 1994 08:49:37 GMT",
                            "1994-13-06T08:49:37Z",
                            "1994-11-06T08:49:37 Mars",
                            "Sun, 06 Nov 1994",
                            "\"",
                            "99999999999 Nov 1994 08:49:37 GMT",
                            "06 Nov 99999999999999999999 08:49:37 GMT",
                            ":::",
                            "PT",
                            "\xff\xfe"}) {
    BOOST_TEST_CONTEXT(value) { check_wish(read({{"Retry-After", value}}), std::nullopt, true); }
  }
  check_wish(read({{"Retry-After", "soon, 5"}}), 5s, true);
  check_wish(read({{"Retry-After", "5"}, {"Retry-After", "later"}}), 5s, true);
  check_wish(read({{"Retry-After", "later"}, {"retry-after-ms", "1500"}}), 1500ms, true);
}

// covers R52
BOOST_AUTO_TEST_CASE(fields_with_the_same_meaning_count) {
  check_all({{"1500", 1500ms}, {"0.5", 500us}, {"2s", 2s}}, "retry-after-ms");
  check_all({{"1.5", 1500ms}, {"40", 40s}}, "X-RateLimit-Reset-After");
  for (const auto* name :
       {"X-RateLimit-Reset", "x-ratelimit-reset", "X-Rate-Limit-Reset", "RateLimit-Reset"}) {
    check_all({{"40", 40s}, {"1994-11-06T08:51:37Z", 120s}}, name);
    const header_list stamped{{"Date", "Tue, 14 Nov 2023 22:13:20 GMT"}, {name, "1700000120"}};
    check_wish(read_retry_after({.status = 429, .headers = stamped}), 120s);
    check_wish(read({{name, "whenever"}}), std::nullopt, true);
  }
}

// covers R52
BOOST_AUTO_TEST_CASE(a_rate_limit_that_is_not_used_up_is_no_wish) {
  const header_list free{{"X-RateLimit-Reset", "40"}, {"X-RateLimit-Remaining", "17"}};
  const header_list spent{{"X-RateLimit-Reset", "40"}, {"X-RateLimit-Remaining", "0"}};
  check_wish(read(free, 404), std::nullopt);
  check_wish(read(free, 429), 40s);
  check_wish(read(spent, 404), 40s);
}

// covers R52
BOOST_AUTO_TEST_CASE(without_a_date_of_the_server_our_own_clock_counts) {
  const auto stamp =
      std::chrono::duration_cast<std::chrono::seconds>(clock::wall().time_since_epoch()) + 100s;
  for (const header_list& fields :
       {header_list{{"Retry-After", std::to_string(stamp.count())}},
        header_list{{"Date", "?"}, {"Retry-After", std::to_string(stamp.count())}}}) {
    const auto wish = read_retry_after({.status = 503, .headers = fields});
    BOOST_REQUIRE(wish.after.has_value());
    BOOST_TEST((*wish.after > 60s && *wish.after <= 100s));
  }
}

// RFC 9110 section 5.6.7.
BOOST_AUTO_TEST_CASE(two_digits_of_a_year_mean_the_one_within_fifty_years) {
  const auto year = std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(clock::wall())).year();
  const auto with_year = [&](int ahead) {
    const int digits = (static_cast<int>(year) + ahead) % 100;
    return std::string("Sunday, 06-Nov-") + (digits < 10 ? "0" : "") + std::to_string(digits) +
           " 08:49:37 GMT";
  };
  check_wish(read_retry_after({.status = 503, .headers = {{"Retry-After", with_year(10)}}}), a_year);
  check_wish(read_retry_after({.status = 503, .headers = {{"Retry-After", with_year(-10)}}}),
             clock::duration{});
  check_wish(read_retry_after({.status = 503, .headers = {{"Retry-After", with_year(60)}}}),
             clock::duration{});
}

BOOST_AUTO_TEST_SUITE_END()
