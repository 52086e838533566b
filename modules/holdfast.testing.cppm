/// holdfast.testing — for tests of programs that use holdfast, and of holdfast itself: virtual time, a
/// network in memory, a server that follows a script, in memory or on a real loopback port, certificates for
/// it, a backend that speaks holdfast.v1, and one of calls and channels.
export module holdfast.testing;

import holdfast.wire;

export import :world;
export import :machine;
export import :simulated_broker;
export import :simulated_network;
export import :certificates;
export import :server;
export import :loopback;
export import :v1_server;
export import :channel_server;

export namespace holdfast {

// What the servers take and give.
using holdfast::http_head;
using holdfast::tls_server_options;
using holdfast::tls_version;

}  // namespace holdfast
