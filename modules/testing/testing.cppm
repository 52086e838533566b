/// holdfast.testing — for tests of programs that use holdfast, and of holdfast itself: virtual time, a
/// network in memory, a server that follows a script, in memory or on a real loopback port, and certificates
/// for it.
export module holdfast.testing;

export import :world;
export import :simulated_network;
export import :certificates;
export import :server;
export import :loopback;
