// Samples -> the path of a waveform. Pure: returns text for an SVG path's "d".

const STEP = 3; // units of the viewBox from bar to bar
const LEAST = 0.03; // silence still shows as a thin line

/** Loudest absolute sample of each of `count` equal parts, scaled so that the loudest of all is 1. */
export function peaks(samples, count) {
  const tops = new Array(count).fill(0);
  for (let i = 0; i < samples.length; i++) {
    const part = Math.min(count - 1, Math.floor((i * count) / samples.length));
    tops[part] = Math.max(tops[part], Math.abs(samples[i]));
  }
  const most = Math.max(...tops);
  return most > 0 ? tops.map((top) => top / most) : tops;
}

/** Heights in 0..1 -> path of upright bars in a viewBox `tall` units high, from bar number `first` on. */
export function path(heights, tall = 64, first = 0) {
  return heights
    .map((height, i) => {
      const half = (Math.max(LEAST, Math.min(1, height)) * tall * 0.92) / 2;
      return `M${((first + i) * STEP + STEP / 2).toFixed(1)} ${(tall / 2 - half).toFixed(1)}v${(2 * half).toFixed(1)}`;
    })
    .join("");
}

/** Number of bars that fill a viewBox `wide` units wide. */
export const bars = (wide) => Math.floor(wide / STEP);

/** The two paths of a clip: what was judged, and the rest. */
export function split(heights, [start, end], duration) {
  const per = duration / heights.length;
  const first = Math.max(0, Math.floor(start / per));
  const last = Math.min(heights.length, Math.ceil(end / per));
  return {
    heard: path(heights.slice(first, last), 64, first),
    rest: path(heights.slice(0, first)) + path(heights.slice(last), 64, last),
  };
}
