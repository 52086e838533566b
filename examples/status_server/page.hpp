// The page: one file without links. It hears of news over a WebSocket, and says so if it does not.
#pragma once

#include <string_view>

inline constexpr std::string_view status_page = R"page(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>holdfast status</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
:root{--ink:#1c2733;--soft:#5b6773;--paper:#fff;--raised:#f3f5f7;--line:#d5dbe1;--connected:#1f7d45;
--connecting:#8a6100;--disconnected:#b82c2c;--featureThrottled:#6544b8}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#9fabb7;--paper:#12171c;--raised:#1d242b;
--line:#39434e;--connected:#4cc27d;--connecting:#f0bd3a;--disconnected:#f47c7c;--featureThrottled:#ab94f2}}
*{box-sizing:border-box}body{font:15px/1.4 system-ui,sans-serif;margin:0 auto;max-width:75rem;padding:1rem;
color:var(--ink);background:var(--paper)}
h1{font-size:1.25rem;margin:0}header{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:baseline}
#live{color:var(--soft)}#live.lost{color:var(--disconnected);font-weight:600}
#counts{display:flex;flex-wrap:wrap;gap:.5rem;margin:1rem 0}
#counts button,#close{font:inherit;color:inherit;background:var(--raised);border:1px solid var(--line);
border-radius:.5rem;padding:.4rem .8rem;cursor:pointer}#counts button[aria-pressed=true]{border-color:var(--ink)}
input{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:.5rem;
padding:.4rem .6rem;min-width:8rem;flex:1}
table{border-collapse:collapse;width:100%}th{text-align:left;color:var(--soft);font-weight:500}
td,th{padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n{font-variant-numeric:tabular-nums;white-space:nowrap}tbody tr{cursor:pointer}
tbody tr:hover,tbody tr:focus-visible{background:var(--raised)}
.state{font-weight:600;white-space:nowrap}.said{color:var(--soft);overflow-wrap:anywhere}
.band{width:9rem;height:1.1rem;display:block;border-radius:.2rem;background:var(--raised)}
dialog{width:min(75rem,96vw);height:90vh;padding:0;border:1px solid var(--line);border-radius:.6rem;
background:var(--paper);color:inherit;overflow:hidden}dialog[open]{display:flex;flex-direction:column}
dialog iframe{flex:1;border:0}dialog form{padding:.5rem;text-align:right}
h2{font-size:1.1rem;margin:2rem 0 .3rem}#fleet td,#fleet tr{cursor:auto}.keys{color:var(--soft);overflow-wrap:anywhere}
@media (max-width:44rem){thead{display:none}tbody tr{display:grid;grid-template-columns:1fr auto;gap:0 .6rem;
border-bottom:1px solid var(--line);padding:.5rem 0}td{border:0;padding:.1rem 0}td.said,td.keys{grid-column:1/-1}
td[data-name]::before{content:attr(data-name) " ";color:var(--soft)}}
</style></head><body>
<header><h1>Connections</h1><span id="live" role="status">not connected yet</span></header>
<div id="counts"></div>
<table><thead><tr><th>#</th><th>state</th><th>origin</th><th>last minutes</th><th>for</th><th>round trip</th>
<th>sessions</th><th>usable</th><th>said</th></tr></thead><tbody></tbody></table>
<section id="fleet" hidden><h2></h2><p role="status"></p>
<table><thead><tr><th>worker</th><th>holds</th><th>keys</th></tr></thead><tbody></tbody></table></section>
<dialog><form method="dialog"><button id="close">Close</button></form><iframe title="timeline"></iframe></dialog>
<script>
'use strict';
const states=['disconnected','connecting','featureThrottled','connected'],body=document.querySelector('tbody'),
live=document.getElementById('live'),counts=document.getElementById('counts'),box=document.querySelector('dialog');
let all=[],wanted='',words='';
const span=s=>s<1?Math.round(s*1000)+' ms':s<60?s.toFixed(s<10?1:0)+' s':s<3600?Math.floor(s/60)+' min':
s<86400?(s/3600).toFixed(1)+' h':(s/86400).toFixed(1)+' d';
const make=(name,text,more={})=>Object.assign(document.createElement(name),{textContent:text??''},more);
function band(recent){
  const ns='http://www.w3.org/2000/svg',svg=document.createElementNS(ns,'svg'),long=Math.min(300,Math.max(10,...recent.map(x=>x[0])));
  svg.setAttribute('viewBox','0 0 '+long+' 20');svg.setAttribute('preserveAspectRatio','none');svg.setAttribute('class','band');
  svg.setAttribute('aria-hidden','true');
  recent.forEach(([ago,state],i)=>{
    const from=Math.max(0,long-ago),to=i+1<recent.length?Math.max(0,long-recent[i+1][0]):long;
    const rect=document.createElementNS(ns,'rect');
    rect.setAttribute('x',from);rect.setAttribute('width',Math.max(to-from,long/150));rect.setAttribute('height',20);
    rect.style.fill='var(--'+state+')';svg.append(rect);
  });
  return svg;
}
const rows=new Map();
function cells(one){
  const out=[],cell=(text,name,kind)=>{const td=make('td',text,{className:kind??''});if(name)td.dataset.name=name;out.push(td);return td;};
  cell('#'+one.id,'','n');
  cell(one.state+(one.unresponsive?', unresponsive':''),'','state').style.color='var(--'+one.state+')';
  cell(one.origin);cell('').append(band(one.recent));cell(span(one.for),'for','n');
  cell(one.last_round_trip===undefined?'–':span(one.last_round_trip),'round trip','n');
  cell(one.sessions,'sessions','n');cell((100*one.connected_share).toFixed(1)+' %','usable','n');
  cell(one.said,'','said');
  return out;
}
// Rows stay the same elements, so that the focus and a click under way are not lost.
function show(){
  const shown=all.filter(x=>(!wanted||x.state===wanted)&&(x.origin+' '+x.said).includes(words))
    .sort((a,b)=>states.indexOf(a.state)-states.indexOf(b.state)||a.id-b.id);
  const order=shown.map(one=>{
    if(!rows.has(one.id)){const tr=make('tr','',{tabIndex:0});tr.dataset.id=one.id;rows.set(one.id,tr);}
    const tr=rows.get(one.id);tr.replaceChildren(...cells(one));return tr;
  });
  if(order.length!==body.children.length||order.some((tr,i)=>body.children[i]!==tr))body.replaceChildren(...order);
  for(const button of counts.querySelectorAll('button')){
    const state=button.dataset.state,count=state?all.filter(x=>x.state===state).length:all.length;
    button.textContent=(state||'all')+' '+count;button.setAttribute('aria-pressed',wanted===state);
  }
}
for(const state of ['',...states.slice().reverse()]){
  const button=make('button');button.dataset.state=state;button.onclick=()=>{wanted=state;show();};counts.append(button);
}
counts.append(make('input','',{placeholder:'find',ariaLabel:'find',oninput:e=>{words=e.target.value;show();}}));
const open=tr=>{if(!tr)return;box.querySelector('iframe').src='/timeline/'+tr.dataset.id;box.showModal();};
body.onclick=e=>open(e.target.closest('tr'));
body.onkeydown=e=>{if(e.key==='Enter')open(e.target.closest('tr'));};
// Workers in the order of their names, then what nobody holds.
function showFleet(one){
  const part=document.getElementById('fleet'),row=(name,holds,keys,count)=>{
    const tr=make('tr'),rest=count-keys.length;
    tr.append(make('td',name,{className:'state'}),make('td',holds,{className:'n'}),
      make('td',keys.join(', ')+(rest>0?' and '+rest+' more':''),{className:'keys'}));
    return tr;
  };
  part.hidden=false;part.querySelector('h2').textContent='Fleet '+one.name;
  part.querySelector('p').textContent=one.said?one.said+': what follows is old':'';
  const all=(one.workers??[]).map(x=>row(x.id+(x.draining?', drained':''),x.count+' of '+x.capacity,x.keys,x.count));
  if(one.unheld)all.push(row('nobody',one.unheld,one.unheld_keys,one.unheld));
  part.querySelector('tbody').replaceChildren(...all);
}
let wait=500;
function connect(){
  const socket=new WebSocket((location.protocol==='https:'?'wss://':'ws://')+location.host+'/live');
  socket.onmessage=e=>{wait=500;live.className='';live.textContent='live';
    const news=JSON.parse(e.data);all=news.connections;show();if(news.fleet)showFleet(news.fleet);};
  socket.onclose=()=>{
    live.className='lost';live.textContent='The status server is not there: what you see is old. Trying again.';
    setTimeout(connect,wait*(.5+Math.random()/2));wait=Math.min(wait*2,10000);
  };
}
connect();
</script></body></html>
)page";
