// Draws a stretch of a recording: its waveform in the colours of what was heard, and under it a lane for each emotion,
// so that its place tells it from the others where its colour doesn't.

import { columns, heard, indexAt } from "./timeline.js";

const WAVE = 0.52; // of the height
const BAR = 3; // CSS pixels from bar to bar

/**
 * `part`: {peaks, regions, from, to}. `look`: {lanes: [{name, emoji, colour}], quiet, gutter}: `quiet` is the colour of
 * silence, `gutter` the CSS pixels left of the lanes that hold their emoji, 0 for none.
 */
export function drawTimeline(canvas, { peaks, regions, from, to }, { lanes, quiet, gutter }) {
  const [wide, tall] = [canvas.clientWidth, canvas.clientHeight];
  const scale = globalThis.devicePixelRatio ?? 1;
  canvas.width = Math.round(wide * scale);
  canvas.height = Math.round(tall * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const x = (time) => gutter + ((time - from) / (to - from)) * (wide - gutter);
  const colours = Object.fromEntries(lanes.map((lane) => [lane.name, lane.colour]));
  const paint = (region) => {
    pen.fillStyle = colours[heard(region)] ?? quiet;
    pen.globalAlpha = region?.status === "uncertain" ? 0.45 : 1;
  };

  const heights = columns(peaks, from, to, Math.max(1, Math.floor((wide - gutter) / BAR)));
  const middle = (tall * WAVE) / 2;
  heights.forEach((height, i) => {
    const half = Math.max(1, height * middle * 0.95);
    paint(regions[indexAt(regions, from + ((i + 0.5) / heights.length) * (to - from))]);
    pen.fillRect(gutter + i * BAR, middle - half, BAR - 1, 2 * half);
  });

  const lane = (tall * (1 - WAVE)) / lanes.length;
  const top = (i) => tall * WAVE + i * lane;
  pen.textBaseline = "middle";
  pen.font = `${Math.min(14, lane)}px sans-serif`;
  lanes.forEach(({ emoji }, i) => {
    pen.fillStyle = quiet;
    pen.globalAlpha = 0.35;
    pen.fillRect(gutter, top(i) + lane / 2, wide - gutter, 1);
    pen.globalAlpha = 1;
    if (gutter) pen.fillText(emoji, 0, top(i) + lane / 2 + 1);
  });
  const rows = Object.fromEntries(lanes.map(({ name }, i) => [name, i]));
  for (let i = Math.max(0, indexAt(regions, from)); i < regions.length && regions[i].start < to; i++) {
    const region = regions[i];
    if (!(region.emotion in rows)) continue;
    const left = Math.max(gutter, x(region.start));
    paint(region);
    pen.fillRect(left, top(rows[region.emotion]) + 1, Math.max(1.5, Math.min(wide, x(region.end)) - left), lane - 2);
  }
}
