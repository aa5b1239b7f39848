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
.state[data-connected=false] { color: var(--bad); }
dl { display: grid; grid-template-columns: 1fr auto; gap: .35rem 1rem; margin: .75rem 0 0; }
dt { color: var(--quiet); }
dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0 0 1.5rem; }
table { width: 100%; border-collapse: collapse; font-size: .875rem; }
th { text-align: left; font-weight: 500; color: var(--quiet); }
th, td { padding: .4rem 1rem .4rem 0; vertical-align: top; }
.wide { margin-top: 1rem; overflow-x: auto; }
button {
  padding: .45rem .9rem; border: 1px solid var(--line); border-radius: 6px;
  background: var(--card); color: inherit; font: inherit; cursor: pointer;
}
`;

const SCRIPT = `
const $ = (selector) => document.querySelector(selector);
const number = new Intl.NumberFormat('en');
const ms = (value) => value.toFixed(2) + ' ms';
let connected = true;

function post(path, body = {}) {
  return fetch(path, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
}
$('#line').onclick = () => post('line', { connected: !connected });
$('#burst').onclick = () => post('burst');

function show({ app, queue, provider }) {
  connected = provider.connected;
  const cells = {
    'handed-over': number.format(app.handedOver),
    refused: number.format(app.refused),
    p50: ms(app.p50),
    p99: ms(app.p99),
    waiting: number.format(queue.length),
    arrived: number.format(provider.arrived),
    twice: number.format(provider.twice.length),
  };
  for (const [name, text] of Object.entries(cells)) $('[data-name=' + name + ']').textContent = text;
  $('.state').dataset.connected = connected;
  $('.state').textContent = connected ? 'line up' : 'line cut';
  $('#line').textContent = connected ? 'Cut the line to the provider' : 'Mend the line';
  $('tbody').replaceChildren(...queue.first.map(({ id, queue, reason }) => {
    const row = document.createElement('tr');
    for (const text of [id, queue, reason ?? '']) row.insertCell().textContent = text;
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

const list = (rows: Readonly<Record<string, string>>): string =>
  Object.entries(rows)
    .map(([name, text]) => `<dt>${text}</dt><dd data-name="${name}"></dd>`)
    .join('\n');

const APP = list({
  'handed-over': 'handed over',
  refused: 'refused',
  p50: 'half of the hand-offs took',
  p99: '99 of 100 took at most',
});

export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Postfix beside the app</title>
<style>${STYLE}</style>
<h1>Postfix beside the app</h1>
<p id="lead">Two mails a second go to Postfix, which relays them through the provider. Cut the line, and mend it.</p>
<div class="buttons">
<button id="line">Cut the line to the provider</button>
<button id="burst">Hand over 200 at once</button>
</div>
<div class="cards">
<section class="card"><h2>The app</h2><dl>${APP}</dl></section>
<section class="card"><h2>Postfix</h2><dl>${list({ waiting: 'mails wait' })}</dl></section>
<section class="card"><div class="head"><h2>The provider</h2><span class="state"></span></div>
<dl>${list({ arrived: 'mails arrived', twice: 'came once more' })}</dl></section>
</div>
<section class="card wide"><h2>postqueue -j</h2><table>
<thead><tr><th>Id</th><th>Queue</th><th>Why it waits</th></tr></thead><tbody></tbody>
</table></section>
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
