/// :credentials — who we are, asked anew before each attempt. A provider gives what one attempt may say of
/// itself; a token_source is one that many connections share. Nothing here prints, logs or compares a secret.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

export module holdfast.core:credentials;

import :error;
import :headers;
import :time;

namespace holdfast {

namespace net = boost::asio;

/// What one attempt shows to the server. There is deliberately nothing that prints it. A back end that wants
/// a token in the query gets a `url` that carries it, which is also how those work that hand out one-time
/// URLs. Nothing of it goes to another origin to which a redirect leads, nor to an endpoint of
/// `endpoints.plaintext_urls`.
export struct credentials {
  /// Sent as "Authorization: Bearer TOKEN" (RFC 6750) in place of any Authorization in `options::headers`;
  /// empty: none.
  std::string token{};
  /// Go into the upgrade request as they are, in place of those of `options::headers` with the same names.
  /// Host and Sec-WebSocket-Protocol (a list) mean `host` and `subprotocols`; other fields of the handshake,
  /// and User-Agent, are refused.
  header_list headers{};
  std::optional<std::string> url{};  ///< for this attempt instead of the endpoint's
  /// True: `url` may be ws:// although a URL of the options is wss://. Otherwise that is refused (R60).
  bool allow_plaintext = false;
  /// Offered in place of `options::subprotocols`, for back ends that take a token there. The server must
  /// choose one of these.
  std::optional<std::vector<std::string>> subprotocols{};
  std::string host{};         ///< sent as Host, "name[:port]"; empty: that of the URL
  std::string server_name{};  ///< for TLS, sent (SNI) and verified; empty: `tls_options::server_name`
  /// When they end, if that is known. For a token_source; a provider that keeps nothing need not say it.
  std::optional<clock::time_point> expires_at{};
  /// Set by a token_source: a larger one was fetched later. A provider of one's own may leave it 0.
  std::uint64_t serial = 0;
};

/// The attempt that needs credentials.
export struct credential_request {
  unsigned attempt = 1;      ///< since the last stable session
  bool refused = false;      ///< the server refused those that `serial` names: cached ones are of no use
  std::uint64_t serial = 0;  ///< of the last ones that this connection used; 0: none, or not known
  std::string url{};         ///< of the endpoint: `options::url`, or one of `endpoints.further_urls`
  header_list answer{};      ///< the fields of the last 101 that this connection got; empty: there was none
};

/// Runs before each attempt, on the strand of its connection, for at most `deadlines.provider`; then, and
/// when the attempt is given up, it is cancelled, and what it returns later is dropped. It must not block.
/// Whatever it throws fails the attempt, and the policy decides: the reason is the code of a
/// boost::system::system_error if that is transient, else provider_failed. Only permanent_failure stops the
/// connection, as provider_gave_up. The text of an exception goes to `options::log`, as a warning, and
/// nowhere else. Let it take the request by value: a coroutine outlives what it has only a reference to.
export using credential_provider = std::function<net::awaitable<credentials>(credential_request)>;

/// Returns one line about what is wrong, beginning with the field's name; empty: nothing. It never contains
/// a part of what it is about.
export std::string check_credentials(const credentials& given);

// The same credentials, which have been checked, with Host and Sec-WebSocket-Protocol of `headers` where they
// belong.
credentials settled(credentials given);

/// When a token_source fetches, and for how long.
export struct token_source_options {
  /// If the credentials expire within this time, the next request fetches new ones.
  std::chrono::milliseconds refresh_ahead{30'000};
  /// How long one fetch may take. Then it is cancelled, and the requests that share it fail with timed_out.
  std::chrono::milliseconds fetch_deadline{10'000};
};

/// Credentials that many connections share: fetched once for all who ask at the same time, kept until shortly
/// before they end, and fetched anew when a server has refused them. Copies share what is kept. Any thread.
///
/// - One fetch at a time. Who asks during a fetch waits for it. Who stops waiting disturbs nobody else; when
///   nobody waits any more, the fetch is cancelled. One that does not heed this may still be running when the
///   next begins, and what it brings is dropped.
/// - After a refusal there is a new fetch, unless the credentials kept are newer than those refused: when a
///   thousand connections are refused at once, there is one.
/// - A fetch that fails is not remembered, nor is what check_credentials() refuses. What it threw is thrown
/// to all who wait, but for those whose
///   credentials have not been refused and have not ended yet: they get the old ones once more.
/// - Credentials without `expires_at` are kept until they are refused. Those that come with less than
///   `refresh_ahead` to live serve those who waited for them, and are then fetched anew.
export class token_source {
 public:
  /// Fetches new credentials, from wherever they come.
  using fetch_function = std::function<net::awaitable<credentials>()>;

  /// Runs `fetch` on a strand of `executor`, whichever connection has asked: so it goes on when that one is
  /// destroyed. It must not block. The executor must outlive all connections that use the source. What it
  /// throws, the provider throws: see credential_provider. Throws std::invalid_argument if `fetch` is empty
  /// or an option makes no sense.
  token_source(net::any_io_executor executor, fetch_function fetch, token_source_options how = {});

  /// Returns what `options::provider` wants: it asks this source, and keeps it alive. May be called on any
  /// executor. Honours terminal cancellation.
  [[nodiscard]] credential_provider as_provider() const;

 private:
  class implementation;
  std::shared_ptr<implementation> implementation_;  // shared with the providers and the fetch under way
};

}  // namespace holdfast
