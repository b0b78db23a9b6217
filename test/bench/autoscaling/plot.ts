import type { Mark } from './simulation.ts';

/** The replicas of several rules over the same time. */
export type Panel = { readonly title: string; readonly seconds: number; readonly lines: readonly Line[] };
type Line = { readonly name: string; readonly marks: readonly Mark[] };

const [width, height] = [440, 190];
const margin = { left: 40, right: 16, top: 34, bottom: 34 };
const styles = ['fill="#8b949e" fill-opacity="0.35" stroke="none"', 'fill="none" stroke="#d29922"', 'fill="none" stroke="#1f6feb"'];

/** Draws the panels two in a row, as SVG; the first line of each is an area, the others are strokes above it. */
export function plot(panels: readonly Panel[], label: string): string {
  const [columns, rows] = [2, Math.ceil(panels.length / 2)];
  const legendHeight = 30;
  const [all, high] = [columns * width, rows * height + legendHeight];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${all}" height="${high}" viewBox="0 0 ${all} ${high}" role="img" aria-label="${label}">`,
    `<rect width="${all}" height="${high}" fill="#ffffff"/>`,
    '<g font-family="ui-sans-serif,system-ui,DejaVu Sans,sans-serif" font-size="12" fill="#1f2328">',
    legend(panels[0]?.lines ?? []),
    ...panels.map((panel, at) => draw(panel, (at % columns) * width, legendHeight + Math.floor(at / columns) * height)),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function legend(lines: readonly Line[]): string {
  return lines
    .map(({ name }, at) => {
      const x = margin.left + at * 250;
      const sign = `<path d="M${x} 22V12H${x + 22}V22${at === 0 ? 'Z' : ''}" stroke-width="1.8" ${styles[at]}/>`;
      return `${sign}<text x="${x + 30}" y="21">${name}</text>`;
    })
    .join('');
}

function draw({ title, seconds, lines }: Panel, left: number, top: number): string {
  const most = Math.max(1, ...lines.flatMap(({ marks }) => marks.map(({ replicas }) => replicas)));
  const x = (second: number) => fixed(left + margin.left + (Math.min(second, seconds) / seconds) * (width - margin.left - margin.right));
  const y = (replicas: number) => fixed(top + height - margin.bottom - (replicas / most) * (height - margin.top - margin.bottom));
  const [tickSeconds, unit] = seconds > 6 * 3600 ? [4 * 3600, 'h'] : [20 * 60, 'min'];
  const ticks = Array.from({ length: Math.floor(seconds / tickSeconds) + 1 }, (_, tick) => tick * tickSeconds);
  const value = (second: number) => second / (unit === 'h' ? 3600 : 60);
  return [
    `<text x="${left + margin.left}" y="${top + 22}" font-weight="600">${title}</text>`,
    ...[0, Math.round(most / 2), most].map(
      (replicas) =>
        `<path d="M${x(0)} ${y(replicas)}H${x(seconds)}" stroke="#d0d7de"/><text x="${left + margin.left - 6}" y="${Number(y(replicas)) + 4}" text-anchor="end">${replicas}</text>`,
    ),
    ...ticks.map((tick) => `<text x="${x(tick)}" y="${top + height - margin.bottom + 16}" text-anchor="middle">${value(tick)}</text>`),
    `<text x="${left + width - margin.right}" y="${top + height - 4}" text-anchor="end" fill="#656d76">${unit}</text>`,
    ...lines.map(
      ({ marks }, at) =>
        `<path stroke-width="1.8" ${styles[at]} d="${steps(marks, x, y, seconds)}${at === 0 ? `V${y(0)}H${x(0)}Z` : ''}"><title>${lines[at]?.name}</title></path>`,
    ),
  ].join('\n');
}

/** Only where the number changes. */
function steps(marks: readonly Mark[], x: (second: number) => string, y: (replicas: number) => string, seconds: number): string {
  const changes = marks.filter(({ replicas, second }, at) => second <= seconds && replicas !== marks[at - 1]?.replicas);
  return `${changes.map(({ second, replicas }, at) => (at === 0 ? `M${x(0)} ${y(replicas)}` : `H${x(second)}V${y(replicas)}`)).join('')}H${x(seconds)}`;
}

function fixed(value: number): string {
  return String(Number(value.toFixed(1)));
}
