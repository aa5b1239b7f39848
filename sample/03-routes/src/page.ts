import { createHash } from 'node:crypto';

const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --card: #fff; --ink: #1f2328; --quiet: #646b75; --line: #e4e5e2;
  --smtp: #2f5d8a; --api: #8a5a1f; --good: #2c7a4b; --bad: #b3372f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --card: #1d2024; --ink: #e4e6e8; --quiet: #979ea8; --line: #2e3238;
    --smtp: #8ab8e6; --api: #e0b070; --good: #7fd0a0; --bad: #f0938c;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 4rem;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
}
h1 { margin: 0 0 .25rem; font-size: 1.5rem; font-weight: 600; }
h2 { margin: 0; font-size: 1.125rem; font-weight: 600; }
p { margin: 0 0 1.25rem; color: var(--quiet); }
.transports { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem; margin-bottom: 1.5rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.1rem; }
.head { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; }
.state { font-size: .875rem; }
.state[data-state=closed] { color: var(--good); }
.state[data-state=open], .state[data-state=half-open] { color: var(--bad); }
.card .now { min-height: 4.5em; margin: .25rem 0 .5rem; font-size: .875rem; overflow-wrap: anywhere; }
label { display: flex; align-items: center; gap: .6rem; font-size: .9375rem; }
label + label { margin-top: .35rem; }
fieldset { margin: 0 0 1.25rem; padding: 0; border: 0; }
legend { padding: 0 0 .25rem; font-weight: 600; }
input[type=range] { flex: 1; min-width: 0; }
output { min-width: 4.5em; text-align: right; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; padding: 0; }
table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
th { text-align: left; font-weight: 500; color: var(--quiet); }
th, td { padding: .45rem 1.1rem; white-space: nowrap; }
td:last-child { white-space: normal; min-width: 11rem; }
tbody tr { border-top: 1px solid var(--line); }
.ms { text-align: right; font-variant-numeric: tabular-nums; }
.transport { font-weight: 600; }
.transport[data-transport=SMTP] { color: var(--smtp); }
.transport[data-transport='Web API'] { color: var(--api); }
.transport[data-transport=none] { color: var(--bad); }
@media (max-width: 36rem) { body { padding: 1.5rem 1rem 3rem; } th, td { padding: .4rem .7rem; } }
`;

const SCRIPT = `
const STATES = { closed: 'up', open: 'down', 'half-open': 'on trial' };
const $ = (selector, within = document) => within.querySelector(selector);

function post(path, body) {
  return fetch(path, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
}
for (const card of document.querySelectorAll('.transports .card')) {
  const transport = card.dataset.transport;
  $('[type=checkbox]', card).onchange = (e) => post('network', { transport, blocked: e.target.checked });
  $('[type=range]', card).oninput = (e) => {
    $('output', card).textContent = e.target.value + ' ms';
    post('network', { transport, latencyMs: Number(e.target.value) });
  };
}
for (const radio of document.querySelectorAll('[type=radio]')) {
  radio.onchange = () => post('strategy', { strategy: radio.value });
}
function show({ strategy, transports, taken }) {
  const chosen = $('[type=radio][value=' + strategy + ']');
  if (document.activeElement?.type !== 'radio') chosen.checked = true;
  for (const { transport, state, latencyMs, trialInMs, error, blocked, addedMs } of transports) {
    const card = $('.card[data-transport="' + transport + '"]');
    const mark = $('.state', card);
    mark.dataset.state = state;
    mark.textContent = STATES[state];
    const time = latencyMs === undefined ? 'not measured yet' : Math.round(latencyMs) + ' ms a mail';
    const wait = 'tried again in ' + ((trialInMs ?? 0) / 1000).toFixed(1) + ' s: ' + error;
    $('.now', card).textContent = state === 'open' ? wait : time;
    const box = $('[type=checkbox]', card);
    const range = $('[type=range]', card);
    if (document.activeElement !== box) box.checked = blocked;
    if (document.activeElement !== range) {
      range.value = addedMs;
      $('output', card).textContent = addedMs + ' ms';
    }
  }
  $('tbody').replaceChildren(...taken.map(({ number, transport, durationMs, why }) => {
    const row = document.createElement('tr');
    const cell = (text, name) => {
      const td = row.insertCell();
      td.textContent = text;
      td.className = name;
      return td;
    };
    cell(number, 'number');
    cell(transport ?? 'none', 'transport').dataset.transport = transport ?? 'none';
    cell(durationMs + ' ms', 'ms');
    cell(why, 'why');
    return row;
  }));
}
async function refresh() {
  try {
    show(await (await fetch('state')).json());
  } catch {
    $('#lead').textContent = 'The app does not answer.';
  }
  setTimeout(refresh, 300);
}
refresh();
`;

const card = (transport: string, block: string): string => `
<section class="card" data-transport="${transport}">
  <div class="head"><h2>${transport}</h2><span class="state"></span></div>
  <p class="now"></p>
  <label><input type="checkbox"> ${block}</label>
  <label>Added latency <input type="range" min="0" max="500" step="10" value="0"><output>0 ms</output></label>
</section>`;

export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Routes</title>
<style>${STYLE}</style>
<h1>Routes</h1>
<p id="lead">A mail goes out every 0.4 s. Block a transport, or slow it down.</p>
<fieldset>
<legend>Strategy</legend>
<label><input type="radio" name="strategy" value="failover"> failover: SMTP, else the Web API</label>
<label><input type="radio" name="strategy" value="fastest"> fastest: whichever takes less time a mail</label>
</fieldset>
<div class="transports">${card('SMTP', 'Block the mail port')}${card('Web API', 'Block HTTPS')}</div>
<div class="card scroll"><table>
<thead><tr><th>Mail</th><th>Transport</th><th class="ms">Took</th><th>Why</th></tr></thead>
<tbody></tbody>
</table></div>
<script>${SCRIPT}</script>
</html>
`;

const hash = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src ${hash(STYLE)}`,
  `script-src ${hash(SCRIPT)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
