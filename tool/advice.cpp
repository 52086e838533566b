#include <boost/asio/error.hpp>
#include <string>

#include "advice.hpp"

import holdfast;

namespace tool {
namespace {

using holdfast::error;
using holdfast::stage;

std::string of_status(unsigned status) {
  switch (status) {
    case 400:
    case 405:
    case 426:
      return "The server does not take this request for a WebSocket. Check the path of the URL, the "
             "subprotocols, and whether "
             "a proxy in front of the server passes Upgrade and Connection on.";
    case 404:
    case 410:
      return "There is nothing at this path. Check the path of the URL, and the Host that the server "
             "expects.";
    case 429:
      return "The server limits how often clients may connect. Wait, as it asks, and connect less often.";
    case 502:
    case 503:
    case 504:
      return "What stands in front of the server has no server to pass the request on to, or that one is "
             "overloaded. Look at "
             "the server; clients come back by themselves.";
    default:
      return status >= 500 ? "The server has failed. Look at its log."
                           : "The server refused the request. Its answer says why.";
  }
}

std::string of_address(const holdfast::error_code& why) {
  namespace net_error = boost::asio::error;
  if (why == net_error::connection_refused)
    return "Nothing listens at this port, or a firewall refuses. Check the port, and whether the server "
           "runs.";
  if (why == net_error::network_unreachable || why == net_error::host_unreachable)
    return "This machine has no route to the address. Check its network; if only IPv6 is unreachable, IPv4 "
           "is used beside it.";
  return "The address cannot be reached. Check the network between here and there.";
}

std::string of_proxy(const holdfast::change_reason& why) {
  if (why.error == error::proxy_unauthorized)
    return "The proxy wants a user name and a password, or others: http://user:password@host:port.";
  if (why.error == error::proxy_refused)
    return "The proxy works, but does not connect to the server: it cannot reach it, or its rules "
           "forbid it. Ask the administrator of the proxy, or list the server in NO_PROXY.";
  if (why.error == error::proxy_invalid)
    return "What answers there is no proxy of this kind. Check the scheme (http:// or socks5://) and the "
           "port; --proxy and the "
           "variables https_proxy, http_proxy and all_proxy name it.";
  return "The proxy itself cannot be reached. Check its host and port; --proxy and the variables "
         "https_proxy, http_proxy and "
         "all_proxy name it, and NO_PROXY lists what is reached directly.";
}

std::string of_tls(const holdfast::change_reason& why) {
  switch (static_cast<error>(why.error.category() == holdfast::error_category() ? why.error.value() : 0)) {
    case error::certificate_expired:
      return "Renew the server's certificate; or set this machine's clock.";
    case error::certificate_wrong_host:
      return "The certificate is for other names. Use one of them in the URL, or have the certificate issued "
             "for this one; "
             "-o tls.server_name=NAME expects another name.";
    case error::certificate_unknown_issuer:
      return "Nobody that this machine trusts has issued the certificate. Either the server does not send "
             "its whole chain "
             "(mend it there), or the authority is your own: --ca FILE.";
    case error::certificate_self_signed:
      return "The certificate vouches for itself. If it is yours, trust it: --ca FILE with that certificate.";
    case error::client_certificate_refused:
      return "The server wants a client certificate, or another one: --cert FILE and --key FILE. The alert "
             "says what is wrong.";
    case error::renegotiation_refused:
      return "The server asks for a client certificate in a way of TLS 1.2 that is not supported. Let it ask "
             "in the handshake, "
             "or use TLS 1.3.";
    case error::certificate_invalid:
      return "The certificate must not be used for this: revoked, too weak, or issued for another use. Have "
             "a new one issued.";
    default:
      return "The two sides do not agree on TLS. If the server does not speak TLS at this port, the URL "
             "begins with ws://; else "
             "compare versions and ciphers.";
  }
}

std::string of_upgrade(const holdfast::change_reason& why, bool secure) {
  if (why.error == error::unauthorized)
    return "The server does not accept who we are: check the token (--token-file, --token-env, "
           "--token-command) or the "
           "header that carries it.";
  if (why.error == error::redirect_refused) return "Use the URL that the redirect leads to, if you trust it.";
  if (why.error == error::subprotocol_mismatch)
    return "Offer what the server speaks: --subprotocol NAME; or accept every choice: -o subprotocol=any.";
  if (why.error == error::upgrade_refused) return of_status(why.http_status);
  if (why.error == error::upgrade_invalid)
    return secure ? "What answers there is no WebSocket server, or something between changes its answer."
                  : "What answers there is no WebSocket server, or something between changes its answer. If "
                    "the server "
                    "expects TLS, the URL begins with wss://.";
  return secure ? "The server hung up in place of an answer. Look at its log."
                : "The server hung up in place of an answer. Look at its log; if it expects TLS, the URL "
                  "begins with wss://.";
}

}  // namespace

std::string advice(const holdfast::change_reason& why, bool secure) {
  if (why.error == error::timed_out && why.at != stage::provider && why.at != stage::proxy)
    return why.at == stage::resolve ? "The resolver does not answer. Check /etc/resolv.conf, and the network."
                                    : "No answer came in time. A firewall may drop the packets, or the "
                                      "server hangs; -o deadlines." +
                                          std::string(to_string(why.at)) + "=DURATION waits longer.";
  switch (why.at) {
    case stage::provider:
      return "No token could be had: see the lines above. Run the command, or read the file, by hand.";
    case stage::resolve:
      return "Check the spelling of the host, its DNS entry, and that this machine has a network. A zone "
             "(%eth0) names an "
             "interface of this machine.";
    case stage::connect:
      return of_address(why.error);
    case stage::proxy:
      return of_proxy(why);
    case stage::tls:
      return of_tls(why);
    case stage::upgrade:
      return of_upgrade(why, secure);
    default:
      return "The session was open, and ended: " + describe(why) + ".";
  }
}

}  // namespace tool
