/// holdfast.insight — pictures of what a connection has lived through: one timeline, as SVG or as a page.
export module holdfast.insight;

export import :timeline;
