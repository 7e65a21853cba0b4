// The figures behind a timeline. Pure: no browser, no clock. A region is {start, end, status, emotion, confidence} and
// regions follow each other without gaps.

/** What a region counts as: an emotion, or "no_speech". */
export const heard = (region) => region?.emotion ?? "no_speech";

/** Index of the region at `time`, or -1 where there is none. */
export function indexAt(regions, time) {
  let [low, high] = [0, regions.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (regions[middle].start <= time) low = middle;
    else high = middle - 1;
  }
  return regions.length ? low : -1;
}

const SLACK = 1; // seconds into a part from which "back" leads to its own start

/** Where the next part with speech begins (`direction` 1) or the last one (-1); `time` itself where there is none. */
export function neighbour(regions, time, direction) {
  const starts = regions.filter((region) => region.emotion).map((region) => region.start);
  if (direction > 0) return starts.find((start) => start > time + 0.01) ?? time;
  return starts.findLast((start) => start < time - SLACK) ?? starts[0] ?? time;
}

/** The `span` seconds around `time`, moved so that they lie in the recording: [from, to]. */
export function windowAround(time, duration, span) {
  const from = Math.max(0, Math.min(time - span / 3, duration - span));
  return [from, Math.min(duration, from + span)];
}

/** The loudest peak under each of `count` columns from `from` to `to` seconds, the loudest of all peaks being 1. */
export function columns({ peaks, per_second: rate }, from, to, count) {
  const most = peaks.reduce((a, b) => Math.max(a, b), 1);
  const each = ((to - from) * rate) / count;
  return Array.from({ length: count }, (_, column) => {
    const first = Math.floor(from * rate + column * each);
    const last = Math.max(first + 1, Math.ceil(from * rate + (column + 1) * each));
    let top = 0;
    for (let i = first; i < last; i++) top = Math.max(top, peaks[i] ?? 0);
    return top / most;
  });
}

/** Seconds that are left, judged by how fast it went since `first`; null before that can be said. */
export function timeLeft(first, now, of) {
  const speed = (now.done - first.done) / (now.at - first.at);
  return now.at - first.at >= 2 && speed > 0 ? Math.max(0, (of - now.done) / speed) : null;
}
