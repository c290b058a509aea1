// chart - bars for some rows of the comparison, as an SVG that suits light and dark pages.
'use strict';

const { median } = require('../support/bench');

const PANELS = [
  { row: 'echo', title: 'Echo of 20 bytes' },
  { row: 'deep', title: 'Echo, 16 messages on their way' },
  { row: '64k', title: 'Echo of 64 KiB' },
  { row: 'chat16', title: 'Chat of 1,000, 16 talk' },
  { row: 'deflate', title: 'Echo of 1 KiB, compressed' },
  { row: 'idle', title: 'Bytes of an idle connection', isLessBetter: true },
];
const WIDTH = 880;
const COLUMNS = 2;
const GAP = 40;
const LABEL = 152; // of a peer's name
const VALUE = 56; // of the figure behind a bar
const BAR = 14;
const LINE = 20;
const HEAD = 34; // of a panel
const TOP = 48; // of the whole

const STYLE = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .panel { font-weight: 600; }
  .quiet { fill: #59636e; }
  .bar { fill: #afb8c1; }
  .ours { fill: #0969da; }
  .name { text-anchor: end; }
  .first { font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet { fill: #9198a1; }
    .bar { fill: #4b535d; }
    .ours { fill: #4493f8; }
  }`;

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

function shown(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  if (value >= 1e4) return `${Math.round(value / 1e3)}k`;
  return Math.round(value).toLocaleString('en-US');
}

// Messages for a second of the server's CPU: that does not depend on the load.
function valueOf(found, panel) {
  if (panel.isLessBetter) return median(found.map((one) => one.bytes));
  return 1e6 / median(found.map((one) => one.server_us));
}

function panelOf(report, ours, panel, x, y, width) {
  const results = report.results[panel.row];
  const bars = Object.keys(report.peers).filter((name) => results[name])
    .map((name) => ({ name, value: valueOf(results[name], panel) }))
    .sort((a, b) => (panel.isLessBetter ? a.value - b.value : b.value - a.value));
  const most = Math.max(...bars.map((bar) => bar.value));
  const room = width - LABEL - VALUE;
  const lines = bars.map(({ name, value }, i) => {
    const top = y + HEAD + i * LINE;
    const length = Math.max(1, value / most * room).toFixed(1);
    const own = name === ours;
    return `<text class="name${own ? ' first' : ''}" x="${x + LABEL - 8}" y="${top + 11}">` +
      `${escaped(report.peers[name].title.replace(/^nginx, .*/, 'nginx, Lua'))}</text>` +
      `<rect class="bar${own ? ' ours' : ''}" x="${x + LABEL}" y="${top}" width="${length}" ` +
      `height="${BAR}" rx="2"/>` +
      `<text class="${own ? 'first' : 'quiet'}" x="${(x + LABEL + Number(length) + 6).toFixed(1)}" ` +
      `y="${top + 11}">${shown(value)}</text>`;
  });
  const side = panel.isLessBetter ? 'less is better' : 'a second of CPU';
  return `<text x="${x}" y="${y + 18}"><tspan class="panel">${escaped(panel.title)}</tspan>` +
    `<tspan class="quiet" dx="8">${side}</tspan></text>\n${lines.join('\n')}`;
}

// The SVG's text; `ours` names the peer that stands out.
module.exports = function chart(report, ours) {
  const panels = PANELS.filter(({ row }) => Object.keys(report.results[row] || {}).length > 0);
  const width = (WIDTH - GAP * (COLUMNS + 1)) / COLUMNS;
  const height = HEAD + Object.keys(report.peers).length * LINE + 16;
  const total = TOP + Math.ceil(panels.length / COLUMNS) * height + 8;
  const drawn = panels.map((panel, i) => panelOf(report, ours, panel,
    GAP + (i % COLUMNS) * (width + GAP), TOP + Math.floor(i / COLUMNS) * height, width));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${total}" ` +
    `viewBox="0 0 ${WIDTH} ${total}" role="img" aria-labelledby="title">
<title id="title">What a second of the server's CPU carries: ratchet-lua and other servers</title>
<style>${STYLE}
</style>
<text class="title" x="${GAP}" y="30">What a second of the server's CPU carries</text>
${drawn.join('\n')}
</svg>
`;
};
