/// holdfast.fleet — many connections over several machines, each held by exactly one process: leases on keys,
/// at a broker such as NATS. docs/fleet.md says what is promised, and how it is run. This unit is the table
/// of contents.
export module holdfast.fleet;

import holdfast.fleet_core;

export namespace holdfast::fleet {

// A process that holds keys, and its right to act for one.
using holdfast::fleet::broker_loss;
using holdfast::fleet::lease;
using holdfast::fleet::to_openmetrics;
using holdfast::fleet::validate;
using holdfast::fleet::worker;
using holdfast::fleet::worker_options;
using holdfast::fleet::worker_stats;

// All others.
using holdfast::fleet::client;
using holdfast::fleet::fleet_status;
using holdfast::fleet::key_status;
using holdfast::fleet::send_through;
using holdfast::fleet::worker_status;

// Who may dial now, over all machines.
using holdfast::fleet::gate;
using holdfast::fleet::gate_options;

// The broker.
using holdfast::fleet::coordinator;
using holdfast::fleet::entry;
using holdfast::fleet::nats;
using holdfast::fleet::nats_options;
using holdfast::fleet::registration;
using holdfast::fleet::request_handler;
using holdfast::fleet::watcher;

// Errors.
using holdfast::fleet::error;
using holdfast::fleet::error_category;
using holdfast::fleet::make_error_code;

}  // namespace holdfast::fleet
