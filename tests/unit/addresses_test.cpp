// In which order the addresses of a host are tried: RFC 8305 section 4.
#include <boost/asio/ip/address.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

import holdfast.core;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(addresses)

namespace {

// "a" to "f" is an IPv6 address, "1" to "9" an IPv4 one.
peer_address named(char name) {
  const bool v6 = name >= 'a';
  const auto text = v6 ? std::string("2001:db8::") + name : std::string("192.0.2.") + name;
  return {boost::asio::ip::make_address(text), 443};
}

std::vector<peer_address> all_of(std::string_view names) {
  std::vector<peer_address> out;
  for (const char name : names) out.push_back(named(name));
  return out;
}

std::string names_of(const std::vector<peer_address>& addresses) {
  std::string out;
  for (const auto& each : addresses) out += each.address.to_string().back();
  return out;
}

std::string interleaved(std::string_view names, std::optional<peer_address> last_good = {}) {
  return names_of(interleave(all_of(names), last_good));
}

}  // namespace

// covers R44
BOOST_AUTO_TEST_CASE(families_alternate_and_keep_the_order_of_the_resolver_within_them) {
  BOOST_TEST(interleaved("abc123") == "a1b2c3");
  BOOST_TEST(interleaved("cab312") == "c3a1b2");
}

BOOST_AUTO_TEST_CASE(the_family_of_the_first_address_begins) {
  BOOST_TEST(interleaved("123abc") == "1a2b3c");
  BOOST_TEST(interleaved("1ab2c3") == "1a2b3c");
}

BOOST_AUTO_TEST_CASE(what_is_left_of_the_longer_family_follows) {
  BOOST_TEST(interleaved("abcd1") == "a1bcd");
  BOOST_TEST(interleaved("a1234") == "a1234");
}

BOOST_AUTO_TEST_CASE(one_family_alone_stays_as_it_is) {
  BOOST_TEST(interleaved("312") == "312");
  BOOST_TEST(interleaved("cab") == "cab");
  BOOST_TEST(interleaved("1") == "1");
  BOOST_TEST(interleaved("") == "");
}

BOOST_AUTO_TEST_CASE(the_last_good_address_comes_first_and_its_family_begins) {
  BOOST_TEST(interleaved("ab12", named('2')) == "2a1b");
  BOOST_TEST(interleaved("ab12", named('b')) == "b1a2");
  BOOST_TEST(interleaved("ab12", named('a')) == "a1b2");
}

BOOST_AUTO_TEST_CASE(a_last_good_address_that_is_no_longer_resolved_is_not_tried) {
  BOOST_TEST(interleaved("ab12", named('9')) == "a1b2");
  BOOST_TEST(interleaved("", named('9')) == "");
  const peer_address other_port{named('2').address, 80};
  BOOST_TEST(interleaved("ab12", other_port) == "a1b2");
}

BOOST_AUTO_TEST_CASE(an_address_that_is_there_twice_is_tried_once) {
  BOOST_TEST(interleaved("aa11a1b") == "a1b");
  BOOST_TEST(interleaved("a1b2b", named('b')) == "b1a2");
}

BOOST_AUTO_TEST_CASE(the_same_address_at_another_port_is_another_one) {
  auto given = all_of("1");
  given.push_back({named('1').address, 80});
  BOOST_TEST(interleave(given, std::nullopt).size() == 2U);
}

BOOST_AUTO_TEST_CASE(thousands_of_addresses_are_no_burden) {
  std::vector<peer_address> given;
  given.reserve(20'000);
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    given.push_back({boost::asio::ip::address_v4(0x0A000000U + i % 10'000), 443});
  }
  BOOST_TEST(interleave(given, given.back()).size() == 10'000U);
}

BOOST_AUTO_TEST_SUITE_END()
