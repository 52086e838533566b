/// holdfast.testing — for tests of programs that use holdfast, and of holdfast itself: virtual time, a
/// network in memory, and a server that follows a script, in memory or on a real loopback port.
export module holdfast.testing;

export import :world;
export import :simulated_network;
export import :server;
export import :loopback;
