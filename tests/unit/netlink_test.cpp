// What the kernel says, byte by byte: what counts as a change of the network, and what is noise or garbage.
// Then which connections a change concerns; and bursts of changes, which are one.
#include <boost/asio/ip/address.hpp>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#ifdef __linux__
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#endif

import holdfast.core;

namespace net = boost::asio;

using namespace holdfast;
using namespace std::chrono_literals;

#ifdef __linux__

namespace {

template <class Value>
std::string bytes_of(const Value& value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

std::string framed(std::uint16_t type, const std::string& body, std::uint16_t flags = 0) {
  nlmsghdr head{};
  head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + body.size());
  head.nlmsg_type = type;
  head.nlmsg_flags = flags;
  auto out = bytes_of(head) + body;
  out.resize((out.size() + 3) / 4 * 4);
  return out;
}

std::string attribute(std::uint16_t type, const std::string& value) {
  rtattr head{};
  head.rta_len = static_cast<std::uint16_t>(sizeof head + value.size());
  head.rta_type = type;
  auto out = bytes_of(head) + value;
  out.resize((out.size() + 3) / 4 * 4);
  return out;
}

std::string link_body(int index, unsigned flags, std::uint8_t family = AF_UNSPEC) {
  ifinfomsg body{};
  body.ifi_family = family;
  body.ifi_index = index;
  body.ifi_flags = flags;
  return bytes_of(body) + attribute(IFLA_IFNAME, std::string("eth0\0", 5));
}

std::string address_body(int index, const std::string& address, unsigned flags = 0) {
  ifaddrmsg body{};
  body.ifa_family = address.size() == 4 ? AF_INET : AF_INET6;
  body.ifa_prefixlen = 24;
  body.ifa_index = static_cast<unsigned>(index);
  return bytes_of(body) + attribute(IFA_LOCAL, address) + attribute(IFA_FLAGS, bytes_of(flags));
}

std::string route_body(std::uint8_t family, std::uint8_t table, unsigned flags = 0) {
  rtmsg body{};
  body.rtm_family = family;
  body.rtm_table = table;
  body.rtm_flags = flags;
  return bytes_of(body) + attribute(RTA_GATEWAY, "\x0a\x01\x02\x01");
}

const std::string one_address("\x0a\x01\x02\x03", 4);
const std::string other_address("\x0a\x01\x02\x04", 4);
constexpr unsigned up = IFF_UP | IFF_RUNNING | IFF_BROADCAST;

struct listening {
  netlink_reader reader;
  bool changes(std::uint16_t type, const std::string& body) {
    return reader.read(framed(type, body)).changed;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(netlink)

BOOST_AUTO_TEST_CASE(a_link_that_gets_or_loses_its_carrier_is_a_change) {
  listening to;
  BOOST_TEST(to.changes(RTM_NEWLINK, link_body(2, up)));
  BOOST_TEST(to.changes(RTM_NEWLINK, link_body(2, IFF_UP)));
  BOOST_TEST(to.changes(RTM_NEWLINK, link_body(2, up)));
  BOOST_TEST(to.changes(RTM_NEWLINK, link_body(2, 0)));
}

BOOST_AUTO_TEST_CASE(what_else_is_said_of_a_link_is_noise) {
  listening to;
  BOOST_TEST(!to.changes(RTM_NEWLINK, link_body(3, IFF_BROADCAST)));  // new, and down
  to.changes(RTM_NEWLINK, link_body(2, up));
  BOOST_TEST(!to.changes(RTM_NEWLINK, link_body(2, up)));
  BOOST_TEST(!to.changes(RTM_NEWLINK, link_body(2, up | IFF_PROMISC)));
  BOOST_TEST(!to.changes(RTM_NEWLINK, link_body(2, IFF_UP, AF_BRIDGE)));
  BOOST_TEST(!to.changes(RTM_DELLINK, link_body(2, up, AF_BRIDGE)));
}

BOOST_AUTO_TEST_CASE(a_link_that_goes_is_a_change_and_is_forgotten) {
  listening to;
  to.changes(RTM_NEWLINK, link_body(2, up));
  BOOST_TEST(to.changes(RTM_DELLINK, link_body(2, up)));
  BOOST_TEST(to.changes(RTM_NEWLINK, link_body(2, up)));
}

BOOST_AUTO_TEST_CASE(an_address_that_comes_or_goes_is_a_change_and_a_renewed_one_is_not) {
  listening to;
  BOOST_TEST(to.changes(RTM_NEWADDR, address_body(2, one_address)));
  BOOST_TEST(!to.changes(RTM_NEWADDR, address_body(2, one_address)));
  BOOST_TEST(to.changes(RTM_NEWADDR, address_body(2, other_address)));
  BOOST_TEST(to.changes(RTM_NEWADDR, address_body(3, one_address)));
  BOOST_TEST(to.changes(RTM_DELADDR, address_body(2, one_address)));
  BOOST_TEST(to.changes(RTM_NEWADDR, address_body(2, one_address)));
  BOOST_TEST(to.changes(RTM_DELADDR, address_body(7, one_address)));  // it was there before us
}

// RFC 4862 section 5.4: until it is known to be unique it must not be used.
BOOST_AUTO_TEST_CASE(a_tentative_address_counts_when_it_becomes_usable) {
  listening to;
  const std::string long_one(16, '\x20');
  BOOST_TEST(!to.changes(RTM_NEWADDR, address_body(2, long_one, IFA_F_TENTATIVE)));
  BOOST_TEST(!to.changes(RTM_DELADDR, address_body(2, long_one, IFA_F_TENTATIVE)));
  BOOST_TEST(to.changes(RTM_NEWADDR, address_body(2, long_one, IFA_F_PERMANENT)));
  BOOST_TEST(to.changes(RTM_NEWADDR, address_body(2, long_one, IFA_F_DADFAILED)));
}

BOOST_AUTO_TEST_CASE(routes_of_the_main_table_are_changes) {
  listening to;
  BOOST_TEST(to.changes(RTM_NEWROUTE, route_body(AF_INET, RT_TABLE_MAIN)));
  BOOST_TEST(to.changes(RTM_DELROUTE, route_body(AF_INET6, RT_TABLE_MAIN)));
  BOOST_TEST(!to.changes(RTM_NEWROUTE, route_body(AF_INET, RT_TABLE_LOCAL)));
  BOOST_TEST(!to.changes(RTM_DELROUTE, route_body(AF_INET, 100)));
  BOOST_TEST(!to.changes(RTM_NEWROUTE, route_body(AF_INET6, RT_TABLE_MAIN, RTM_F_CLONED)));
  BOOST_TEST(!to.changes(RTM_NEWROUTE, route_body(128, RT_TABLE_MAIN)));  // multicast routing
}

BOOST_AUTO_TEST_CASE(neighbours_rules_and_unknown_messages_are_noise) {
  listening to;
  const std::string body(64, '\xff');
  for (const std::uint16_t type : {RTM_NEWNEIGH, RTM_DELNEIGH, RTM_NEWRULE, RTM_NEWQDISC}) {
    BOOST_TEST(!to.changes(type, body));
  }
  BOOST_TEST(!to.changes(NLMSG_NOOP, body));
  BOOST_TEST(!to.changes(0xFFFF, body));
}

BOOST_AUTO_TEST_CASE(a_list_is_remembered_and_is_no_change) {
  netlink_reader reader;
  const auto list = framed(RTM_NEWLINK, link_body(2, up), NLM_F_MULTI) +
                    framed(RTM_NEWADDR, address_body(2, one_address), NLM_F_MULTI);
  const auto first = reader.read(list);
  BOOST_TEST((!first.changed && !first.list_ended));
  const auto last = reader.read(framed(NLMSG_DONE, bytes_of(0), NLM_F_MULTI));
  BOOST_TEST((!last.changed && last.list_ended));
  BOOST_TEST(!reader.read(framed(RTM_NEWLINK, link_body(2, up))).changed);
  BOOST_TEST(!reader.read(framed(RTM_NEWADDR, address_body(2, one_address))).changed);
  BOOST_TEST(reader.read(framed(RTM_DELADDR, address_body(2, one_address))).changed);
}

BOOST_AUTO_TEST_CASE(a_refused_list_has_ended_too) {
  netlink_reader reader;
  BOOST_TEST(reader.read(framed(NLMSG_ERROR, bytes_of(nlmsgerr{}))).list_ended);
}

BOOST_AUTO_TEST_CASE(a_change_is_found_behind_noise_in_the_same_datagram) {
  netlink_reader reader;
  BOOST_TEST(
      reader.read(framed(RTM_NEWNEIGH, "abc") + framed(RTM_NEWADDR, address_body(2, one_address))).changed);
}

BOOST_AUTO_TEST_CASE(what_is_cut_off_is_passed_over) {
  const auto whole = framed(RTM_NEWROUTE, route_body(AF_INET, RT_TABLE_MAIN));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    netlink_reader reader;
    BOOST_TEST(!reader.read(std::string_view(whole).substr(0, size)).changed, "cut at " << size);
  }
  for (const std::uint16_t type : {RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE}) {
    netlink_reader reader;
    BOOST_TEST(!reader.read(framed(type, "short")).changed);
  }
}

BOOST_AUTO_TEST_CASE(lengths_that_lie_are_passed_over) {
  for (const std::uint32_t length : {0U, 1U, 15U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    auto lying = framed(RTM_NEWROUTE, route_body(AF_INET, RT_TABLE_MAIN));
    std::memcpy(lying.data(), &length, sizeof length);
    netlink_reader reader;
    BOOST_TEST(!reader.read(lying).changed, "length " << length);
  }
  auto body = address_body(2, one_address);
  body[sizeof(ifaddrmsg)] = '\xff';  // the first attribute is longer than all
  netlink_reader reader;
  BOOST_TEST(reader.read(framed(RTM_NEWADDR, body)).changed);  // an address all the same
}

BOOST_AUTO_TEST_CASE(garbage_does_no_harm) {
  std::mt19937 random(1);
  netlink_reader reader;
  for (int i = 0; i < 20'000; ++i) {
    auto bytes =
        framed(static_cast<std::uint16_t>(RTM_NEWLINK + random() % 12), std::string(random() % 80, 'x'));
    for (int flips = 0; flips < 6; ++flips) bytes[random() % bytes.size()] = static_cast<char>(random());
    reader.read(bytes);
    bytes.resize(random() % (bytes.size() + 1));
    reader.read(bytes);
  }
  BOOST_TEST(reader.read(framed(RTM_NEWROUTE, route_body(AF_INET, RT_TABLE_MAIN))).changed);
}

// covers R53
BOOST_AUTO_TEST_CASE(news_names_the_interfaces_that_changed) {
  netlink_reader reader;
  const auto heard = [&reader](std::uint16_t type, const std::string& body) {
    return reader.read(framed(type, body)).what;
  };
  BOOST_TEST((heard(RTM_NEWLINK, link_body(2, up)) == network_news{.interfaces = {2}}));
  BOOST_TEST(heard(RTM_NEWLINK, link_body(2, up)).empty());
  BOOST_TEST((heard(RTM_NEWADDR, address_body(3, one_address)) == network_news{.interfaces = {3}}));
  BOOST_TEST((heard(RTM_DELADDR, address_body(3, one_address)) == network_news{.interfaces = {3}}));
  BOOST_TEST((heard(RTM_DELLINK, link_body(4, 0)) == network_news{.interfaces = {4}}));
  BOOST_TEST((heard(RTM_NEWROUTE, route_body(AF_INET, RT_TABLE_MAIN)) == network_news{.routes = true}));
  const auto both =
      reader.read(framed(RTM_NEWLINK, link_body(5, up)) + framed(RTM_NEWADDR, address_body(6, one_address)) +
                  framed(RTM_DELROUTE, route_body(AF_INET, RT_TABLE_MAIN)));
  BOOST_TEST((both.what == network_news{.interfaces = {5, 6}, .routes = true}));
}

BOOST_AUTO_TEST_CASE(a_request_for_a_route_names_the_peer_and_its_zone) {
  const auto v4 = route_request(net::ip::make_address("192.0.2.1"));
  nlmsghdr head{};
  rtmsg body{};
  BOOST_REQUIRE(v4.size() == sizeof head + sizeof body + 8);
  std::memcpy(&head, v4.data(), sizeof head);
  std::memcpy(&body, v4.data() + sizeof head, sizeof body);
  BOOST_TEST(head.nlmsg_len == v4.size());
  BOOST_TEST(head.nlmsg_type == RTM_GETROUTE);
  BOOST_TEST(head.nlmsg_flags == NLM_F_REQUEST);
  BOOST_TEST(body.rtm_family == AF_INET);
  BOOST_TEST(body.rtm_dst_len == 32);
  BOOST_TEST((v4.substr(sizeof head + sizeof body) == attribute(RTA_DST, "\xC0" + std::string("\0\2\1", 3))));

  auto scoped = net::ip::make_address("fe80::1").to_v6();
  scoped.scope_id(7);
  const auto v6 = route_request(scoped);
  BOOST_TEST(v6.size() == sizeof head + sizeof body + 20 + 8);
  BOOST_TEST(v6.ends_with(attribute(RTA_OIF, bytes_of(7))));
  BOOST_TEST((route_request(net::ip::make_address("::ffff:192.0.2.1")) == v4));
}

BOOST_AUTO_TEST_CASE(the_answer_is_interface_source_and_gateway) {
  rtmsg head{};
  head.rtm_family = AF_INET;
  head.rtm_type = RTN_UNICAST;
  const auto body = bytes_of(head) + attribute(RTA_DST, one_address) + attribute(RTA_OIF, bytes_of(3)) +
                    attribute(RTA_PREFSRC, other_address);
  const route_to_peer direct{.interface_index = 3, .source = net::ip::make_address("10.1.2.4")};
  BOOST_TEST((read_route(framed(RTM_NEWROUTE, body)) == direct));
  auto routed = direct;
  routed.gateway = net::ip::make_address("10.1.2.3");
  BOOST_TEST((read_route(framed(RTM_NEWROUTE, body + attribute(RTA_GATEWAY, one_address))) == routed));
  routed.gateway = net::ip::make_address("2001:db8::1");  // RFC 8950: a gateway of the other family
  const auto bytes = routed.gateway.to_v6().to_bytes();
  const auto via = bytes_of(std::uint16_t{AF_INET6}) + std::string(bytes.begin(), bytes.end());
  BOOST_TEST((read_route(framed(RTM_NEWROUTE, body + attribute(RTA_VIA, via))) == routed));
}

BOOST_AUTO_TEST_CASE(no_route_and_no_answer_are_two_things) {
  const auto refusal = [](int code) {
    nlmsgerr body{};
    body.error = -code;
    return framed(NLMSG_ERROR, bytes_of(body));
  };
  BOOST_TEST(!read_route(refusal(ENETUNREACH)).has_value());
  BOOST_TEST(!read_route(refusal(EHOSTUNREACH)).has_value());
  BOOST_TEST((read_route(refusal(ENOBUFS)) == route_to_peer{}));
  rtmsg head{};
  head.rtm_family = AF_INET6;
  head.rtm_type = RTN_UNREACHABLE;
  BOOST_TEST(!read_route(framed(RTM_NEWROUTE, bytes_of(head) + attribute(RTA_OIF, bytes_of(1)))).has_value());
  head.rtm_type = RTN_UNICAST;
  const auto whole = framed(RTM_NEWROUTE, bytes_of(head) + attribute(RTA_OIF, bytes_of(3)));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = read_route(std::string_view(whole).substr(0, size));
    BOOST_TEST((cut == route_to_peer{}), "cut at " << size);
  }
}

BOOST_AUTO_TEST_CASE(a_request_asks_for_one_list) {
  const auto request = netlink_request(netlink_list::addresses);
  nlmsghdr head{};
  BOOST_REQUIRE(request.size() > sizeof head);
  std::memcpy(&head, request.data(), sizeof head);
  BOOST_TEST(head.nlmsg_len == request.size());
  BOOST_TEST(head.nlmsg_type == RTM_GETADDR);
  BOOST_TEST(head.nlmsg_flags == (NLM_F_REQUEST | NLM_F_DUMP));
}

BOOST_AUTO_TEST_SUITE_END()

#endif

BOOST_AUTO_TEST_SUITE(network_news_and_routes)

namespace {

const route_to_peer by_two{.interface_index = 2, .source = net::ip::make_address("10.1.2.3")};
const route_to_peer by_three{.interface_index = 3, .source = net::ip::make_address("10.1.2.3")};
const network_news only_routes{.routes = true};

}  // namespace

// covers R53
BOOST_AUTO_TEST_CASE(an_interface_that_carries_no_route_to_the_peer_is_no_news) {
  BOOST_TEST(!concerns({.interfaces = {3, 4}, .routes = true}, by_two, by_two));
  BOOST_TEST(!concerns({.interfaces = {3}}, std::nullopt, std::nullopt));
  BOOST_TEST(!concerns(only_routes, by_two, by_two));
}

// covers R53
BOOST_AUTO_TEST_CASE(the_interface_of_the_route_is_news_although_the_route_is_the_same) {
  BOOST_TEST(concerns({.interfaces = {2, 7}}, by_two, by_two));
}

// covers R53
BOOST_AUTO_TEST_CASE(another_route_is_news) {
  auto readdressed = by_two;
  readdressed.source = net::ip::make_address("10.1.2.4");
  auto rerouted = by_two;
  rerouted.gateway = net::ip::make_address("10.1.2.1");
  for (const auto& now : std::vector<std::optional<route_to_peer>>{by_three, readdressed, rerouted, {}}) {
    BOOST_TEST(concerns(only_routes, by_two, now));
    BOOST_TEST(concerns(only_routes, now, by_two));
  }
}

// covers R53
BOOST_AUTO_TEST_CASE(what_is_not_known_is_news) {
  BOOST_TEST(concerns({.unknown = true}, by_two, by_two));
  BOOST_TEST(concerns(only_routes, route_to_peer{}, route_to_peer{}));
  BOOST_TEST(concerns(only_routes, by_two, route_to_peer{}));
}

BOOST_AUTO_TEST_CASE(news_adds_up) {
  network_news all;
  BOOST_TEST(all.empty());
  all.add({.interfaces = {2}});
  all.add({.interfaces = {2, 3}, .routes = true});
  BOOST_TEST((all == network_news{.interfaces = {2, 3}, .routes = true}));
  all.add({.unknown = true});
  BOOST_TEST((all == network_news{.interfaces = {2, 3}, .routes = true, .unknown = true}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(bursts)

const clock::time_point began{1h};

BOOST_AUTO_TEST_CASE(changes_that_follow_each_other_are_reported_once_when_it_is_quiet) {
  change_burst burst;
  BOOST_TEST(!burst.due().has_value());
  for (const auto after : {0ms, 100ms, 300ms}) burst.changed(began + after);
  BOOST_TEST((burst.due() == began + 300ms + change_burst::quiet));
  BOOST_TEST(!burst.take(began + 549ms));
  BOOST_TEST(burst.take(began + 550ms));
  BOOST_TEST(!burst.take(began + 1h));
  BOOST_TEST(!burst.due().has_value());
}

BOOST_AUTO_TEST_CASE(a_network_that_never_rests_is_reported_all_the_same) {
  change_burst burst;
  int reports = 0;
  for (auto now = began; now < began + 20s; now += 100ms) {
    burst.changed(now);
    reports += burst.take(now) ? 1 : 0;
  }
  BOOST_TEST(reports == 9);
}

BOOST_AUTO_TEST_SUITE_END()
