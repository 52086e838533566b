/// holdfast.v1 — the protocol "holdfast.v1" for `options::protocol`: docs/protocol.md says every field. It
/// uses what `holdfast` exports and nothing else, as a protocol of a program would.
export module holdfast.v1;

export import :v1;
