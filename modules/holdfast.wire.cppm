/// holdfast.wire — what holdfast speaks, without I/O: URLs, the opening handshake, frames, compression, the
/// dialogue with proxies; and streams over TLS. For tests, tools, servers and other clients.
export module holdfast.wire;

import holdfast.core;

export namespace holdfast {

// URLs.
using holdfast::knows_international_names;
using holdfast::leads_out_of_tls;
using holdfast::parse_url;
using holdfast::read_url;
using holdfast::target;
using holdfast::to_origin;
using holdfast::url_reading;

// HTTP.
using holdfast::answer_reading;
using holdfast::cookie_jar;
using holdfast::http_head;
using holdfast::is_same_header;
using holdfast::parse_answer;
using holdfast::parse_request;
using holdfast::read_answer;
using holdfast::read_retry_after;
using holdfast::retry_wish;
using holdfast::without_credentials;

// The opening handshake.
using holdfast::check_answer;
using holdfast::checked_answer;
using holdfast::follow_redirect;
using holdfast::is_redirect;
using holdfast::make_websocket_key;
using holdfast::opened_upgrade;
using holdfast::redirect_decision;
using holdfast::redirect_limit;
using holdfast::redirect_target;
using holdfast::terms_of;
using holdfast::upgrade_request;
using holdfast::upgrade_terms;
using holdfast::websocket_accept;

// Frames.
using holdfast::byte_queue;
using holdfast::close_payload;
using holdfast::encode_compressed_frame;
using holdfast::encode_frame;
using holdfast::frame_decoder;
using holdfast::frame_encoder;
using holdfast::frame_event;
using holdfast::frame_result;
using holdfast::opcode;
using holdfast::peer_role;
using holdfast::utf8_scan;

// Compression.
using holdfast::accept_offer;
using holdfast::accepted_offer;
using holdfast::agreed_compression;
using holdfast::compression_direction;
using holdfast::deflater;
using holdfast::inflater;
using holdfast::offer;
using holdfast::read_agreement;

// Proxies.
using holdfast::choose_proxy;
using holdfast::environment;
using holdfast::environment_problem;
using holdfast::parse_proxy_url;
using holdfast::process_environment;
using holdfast::proxy_handshake;
using holdfast::proxy_kind;
using holdfast::proxy_progress;
using holdfast::proxy_server;

// Streams.
using holdfast::tls_context;
using holdfast::tls_result;
using holdfast::tls_server_options;
using holdfast::tls_stream;
using holdfast::tls_version;
using holdfast::would_block;
using holdfast::write_all;

// Chance that can be seeded.
using holdfast::random_source;

}  // namespace holdfast
