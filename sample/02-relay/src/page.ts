import { createHash } from 'node:crypto';

const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --card: #fff; --ink: #1f2328; --quiet: #646b75; --line: #e4e5e2;
  --good: #2c7a4b; --bad: #b3372f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --card: #1d2024; --ink: #e4e6e8; --quiet: #979ea8; --line: #2e3238;
    --good: #7fd0a0; --bad: #f0938c;
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
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.1rem; }
.head { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; }
.state { font-size: .875rem; color: var(--good); }
.state[data-running=false] { color: var(--bad); }
dl { display: grid; grid-template-columns: 1fr auto; gap: .35rem 1rem; margin: .75rem 0 0; }
dt { color: var(--quiet); }
dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0 0 1.5rem; }
button {
  padding: .45rem .9rem; border: 1px solid var(--line); border-radius: 6px;
  background: var(--card); color: inherit; font: inherit; cursor: pointer;
}
`;

const SCRIPT = `
const $ = (selector) => document.querySelector(selector);
const number = new Intl.NumberFormat('en');
let running = true;

function post(path, body = {}) {
  return fetch(path, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
}
$('#server').onclick = () => post('server', { running: !running });
$('#burst').onclick = () => post('burst');

function show({ relay, stored, here, server }) {
  running = server.running;
  $('#relay').textContent = relay;
  for (const [card, counts] of Object.entries({ stored, here, arrivals: server })) {
    for (const [name, value] of Object.entries(counts)) {
      const cell = $('#' + card + ' [data-name=' + name + ']');
      if (cell) cell.textContent = number.format(value);
    }
  }
  $('.state').dataset.running = running;
  $('.state').textContent = running ? 'running' : 'stopped';
  $('#server').textContent = running ? 'Stop the mail server' : 'Start the mail server';
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

const list = (rows: Readonly<Record<string, string>>): string =>
  Object.entries(rows)
    .map(([name, text]) => `<dt>${text}</dt><dd data-name="${name}"></dd>`)
    .join('\n');

const STORED = list({
  queued: 'wait for their turn',
  leased: 'under way',
  scheduled: 'for later',
  deferred: 'wait for another attempt',
  dead: 'given up',
});
const HERE = list({
  queued: 'taken',
  refused: 'refused: storage is down',
  sent: 'sent',
  deferred: 'deferred, each time it is',
  dead: 'given up',
});

export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Relay</title>
<style>${STYLE}</style>
<h1>Relay</h1>
<p id="lead">Ten mails a second go into the relay. Stop the mail server, and start it again.</p>
<div class="buttons">
<button id="server">Stop the mail server</button>
<button id="burst">Hand over 500 at once</button>
</div>
<div class="cards">
<section class="card" id="stored"><div class="head"><h2>In the relay</h2><span id="relay"></span></div><dl>${STORED}</dl></section>
<section class="card" id="here"><h2>By this process</h2><dl>${HERE}</dl></section>
<section class="card" id="arrivals"><div class="head"><h2>The mail server</h2><span class="state"></span></div>
<dl><dt>mails arrived</dt><dd data-name="arrived"></dd></dl></section>
</div>
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
