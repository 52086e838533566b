// The picture in a page that needs nothing else.
module;
#include <algorithm>
#include <boost/json/object.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.insight;

import holdfast;
import :history;
import :markup;
import :timeline;

namespace holdfast {
namespace {

constexpr std::size_t most_rows = 200;  // the latest

constexpr std::string_view head = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
body{font:15px system-ui,sans-serif;margin:1rem auto;max-width:70rem;padding:0 1rem}
h1{font-size:1.2rem}.wide{overflow-x:auto}.wide svg{min-width:44rem;width:100%;height:auto}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}
td:first-child{white-space:nowrap;font-variant-numeric:tabular-nums}tr+tr{border-top:1px solid #8884}
</style>
)";

}  // namespace

std::string to_html(const timeline& of, std::string_view title) {
  const auto shown = read_history(of.records(), of.end());
  const std::string name = title.empty() ? "holdfast timeline" : escaped(title);
  std::string out(head);
  out += "<title>" + name + "</title></head><body>\n<h1>" + name + "</h1>\n<p>" + escaped(shown.sentence) +
         "</p>\n<div class=\"wide\">\n" + draw_lanes(shown) +
         "</div>\n<table>\n<tr><th>after</th><th>state</th><th></th></tr>\n";
  const auto skipped = shown.rows.size() - std::min(shown.rows.size(), most_rows);
  for (std::size_t i = skipped; i < shown.rows.size(); ++i) {
    const auto& each = shown.rows[i];
    out += "<tr><td>" + span_text(each.at) + "</td><td>" + escaped(each.state) + "</td><td>" +
           escaped(each.text) + "</td></tr>\n";
  }
  return out + "</table>\n</body></html>\n";
}

}  // namespace holdfast
