/// holdfast — web-socket connections that last: they reconnect by themselves and tell everyone the truth
/// about their state. This unit only gathers the rooms; read `:connection` first.
export module holdfast;

export import :error;
export import :time;
export import :jump_detector;
export import :state;
export import :backoff;
export import :network;
export import :compression;
export import :addresses;
export import :endpoints;
export import :headers;
export import :url;
export import :cookies;
export import :credentials;
export import :redirect;
export import :proxy;
export import :tls;
export import :options;
export import :netlink;
export import :network_watcher;
export import :message;
export import :json;
export import :engine;
export import :protocol;
export import :v1;
export import :upgrade;
export import :state_channel;
export import :connection;
