/// holdfast.fleet_core — all that src/fleet declares. No part of the interface: `holdfast.fleet` hands on
/// what is. For that, for the coordinator on NATS, and for tests of the library itself.
export module holdfast.fleet_core;

export import :fleet_error;
export import :coordinator;
export import :tenancy;
export import :entry_names;
export import :records;
export import :placement;
export import :lease;
export import :worker_options;
export import :worker;
export import :client;
export import :fleet_gate;
export import :nats;
