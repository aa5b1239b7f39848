export const INBOX_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --card: #fff; --ink: #1f2328; --quiet: #646b75; --line: #e4e5e2; --mark: #2f5d8a;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181b; --card: #1d2024; --ink: #e4e6e8; --quiet: #979ea8; --line: #2e3238; --mark: #8ab8e6; }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 4rem;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
}
h1 { margin: 0 0 1.25rem; font-size: 1.5rem; font-weight: 600; line-height: 1.3; overflow-wrap: anywhere; }
p { margin: 0 0 .75rem; }
a { color: var(--mark); text-decoration: none; }
a:hover { text-decoration: underline; }
a:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; border-radius: 4px; }
.quiet { color: var(--quiet); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.isolate { unicode-bidi: isolate; }

.list { list-style: none; margin: 0; padding: 0; overflow: hidden; }
.list li + li { border-top: 1px solid var(--line); }
.list a {
  display: grid; grid-template-columns: 5.5rem minmax(0, 1fr) auto; gap: 0 1rem; align-items: baseline;
  padding: .8rem 1.1rem; color: inherit;
}
.list a:hover { background: var(--paper); text-decoration: none; }
.list a:focus-visible { outline-offset: -2px; }
.list .transport { grid-row: span 2; }
.list .subject, .list .people { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.list .subject { font-weight: 600; }
.list .people { grid-column: 2 / -1; font-size: .875rem; }
.list time { font-size: .875rem; }
.transport {
  justify-self: start; padding: .05rem .5rem; border: 1px solid var(--line); border-radius: 99px;
  color: var(--mark); font-size: .75rem; white-space: nowrap;
}

dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .15rem 1.25rem; margin: 0 0 1.5rem; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
.tabs { display: flex; gap: 1.5rem; margin-bottom: .75rem; border-bottom: 1px solid var(--line); }
.tabs a { padding: .4rem 0; margin-bottom: -1px; border-bottom: 2px solid transparent; color: var(--quiet); }
.tabs a[aria-current] { border-color: var(--mark); color: var(--ink); }
iframe { display: block; width: 100%; height: 65vh; border: 1px solid var(--line); border-radius: 8px; background: #fff; }
pre {
  margin: 0; padding: 1rem 1.1rem; white-space: pre-wrap; overflow-wrap: anywhere;
  font: .875rem/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
.empty { margin: 0; padding: 1.5rem 1.25rem; }

@media (max-width: 36rem) {
  body { padding: 1.5rem 1rem 3rem; }
  .list a { grid-template-columns: minmax(0, 1fr) auto; gap: .1rem .75rem; }
  .list .transport { grid-row: auto; }
  .list time { grid-area: 1 / 2; }
  .list .subject, .list .people { grid-column: 1 / -1; }
  .list .subject { margin-top: .25rem; white-space: normal; overflow-wrap: anywhere; }
  .list .people { white-space: normal; overflow-wrap: anywhere; }
  dl { gap: .25rem .9rem; }
}
`;
