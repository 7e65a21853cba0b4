import assert from "node:assert/strict";
import test from "node:test";
import { drawTimeline } from "../../static/js/draw-timeline.js";
import { clock } from "../../static/js/format.js";
import { columns, heard, indexAt, neighbour, timeLeft, windowAround } from "../../static/js/timeline.js";

const region = (start, end, emotion, status = emotion ? "ok" : "no_speech") => ({ start, end, emotion, status, confidence: 0.7 });
const REGIONS = [region(0, 2, null), region(2, 5, "happy"), region(5, 6, "sad", "uncertain"), region(6, 9, null), region(9, 12, "happy")];

test("the region at a time is the last that has begun", () => {
  const at = (time) => indexAt(REGIONS, time);
  assert.deepEqual([0, 1.9, 2, 4.99, 5, 11, 99].map(at), [0, 0, 1, 1, 2, 4, 4]);
  assert.equal(indexAt([], 3), -1);
  for (let time = 0; time < 12; time += 0.1) {
    const { start, end } = REGIONS[at(time)];
    assert.ok(start <= time && time < end);
  }
});

test("what is heard in a region has a name, silence too", () => {
  assert.deepEqual(REGIONS.map(heard), ["no_speech", "happy", "sad", "no_speech", "happy"]);
  assert.equal(heard(undefined), "no_speech");
});

test("the keys go from one part with speech to the next, and back", () => {
  assert.deepEqual([0, 2, 5, 7, 9].map((time) => neighbour(REGIONS, time, 1)), [2, 5, 9, 9, 9]);
  assert.deepEqual([11, 9.5, 6, 2, 0].map((time) => neighbour(REGIONS, time, -1)), [9, 5, 2, 2, 2]);
  assert.equal(neighbour([], 4, 1), 4);
  assert.equal(neighbour([], 4, -1), 4);
});

test("a window lies in the recording and around its time", () => {
  for (const duration of [10, 60, 61, 3600]) {
    for (let time = 0; time <= duration; time += duration / 50) {
      const [from, to] = windowAround(time, duration, 60);
      assert.ok(from >= 0 && to <= duration && from <= time && time <= to);
      assert.equal(to - from, Math.min(60, duration));
    }
  }
});

test("a column shows the loudest under it, and no peak is lost", () => {
  const sound = { per_second: 10, peaks: Array.from({ length: 36_000 }, (_, i) => (i === 20_000 ? 200 : 20)) };
  const drawn = columns(sound, 0, 3600, 400);
  assert.equal(drawn.length, 400);
  assert.equal(drawn.filter((height) => height === 1).length, 1);
  assert.equal(drawn.indexOf(1), Math.floor((20_000 / 36_000) * 400));
  assert.deepEqual(new Set(drawn), new Set([1, 0.1]));
  assert.deepEqual(columns({ per_second: 10, peaks: [] }, 0, 1, 3), [0, 0, 0]);
  assert.deepEqual(columns({ per_second: 10, peaks: [255, 51] }, 0, 0.2, 4), [1, 1, 0.2, 0.2]); // closer than the peaks lie
});

test("what is left is judged by what was done", () => {
  const first = { at: 100, done: 0 };
  assert.equal(timeLeft(first, { at: 101, done: 10 }, 100), null); // too early to say
  assert.equal(timeLeft(first, { at: 110, done: 20 }, 100), 40);
  assert.equal(timeLeft(first, { at: 110, done: 0 }, 100), null);
});

test("times read like a clock", () => {
  assert.deepEqual([0, 59.9, 60, 3599, 3600, 14_400].map(clock), ["0:00", "0:59", "1:00", "59:59", "1:00:00", "4:00:00"]);
});

/** A canvas that remembers what was drawn on it. */
function canvas(wide, tall) {
  const drawn = [];
  const pen = {
    scale() {},
    fillText: (text) => drawn.push({ text }),
    fillRect: (x, y, width, height) => drawn.push({ x, y, width, height, colour: pen.fillStyle, alpha: pen.globalAlpha }),
  };
  return { clientWidth: wide, clientHeight: tall, getContext: () => pen, drawn };
}

const LOOK = { lanes: [{ name: "happy", emoji: "😊", colour: "gold" }, { name: "sad", emoji: "😢", colour: "blue" }], quiet: "grey", gutter: 24 };

test("each emotion has its colour and its lane, uncertainty is pale, silence grey", () => {
  const page = canvas(624, 200);
  drawTimeline(page, { peaks: { per_second: 10, peaks: Array(120).fill(100) }, regions: REGIONS, from: 0, to: 12 }, LOOK);
  const lanes = page.drawn.filter(({ height, y }) => height > 5 && y > 100);
  assert.deepEqual(lanes.map(({ colour, alpha }) => [colour, alpha]), [["gold", 1], ["blue", 0.45], ["gold", 1]]);
  assert.equal(lanes[0].y, lanes[2].y);
  assert.notEqual(lanes[0].y, lanes[1].y);
  assert.equal(lanes[0].x, 24 + (2 / 12) * 600);
  const wave = page.drawn.filter(({ y, height }) => y + height <= 104 && height > 1.5);
  assert.deepEqual(new Set(wave.map(({ colour }) => colour)), new Set(["grey", "gold", "blue"]));
  assert.deepEqual(page.drawn.filter(({ text }) => text).map(({ text }) => text), ["😊", "😢"]);
  assert.ok(page.drawn.every(({ text, x, width }) => text || (x >= 24 && x + width <= 624.01)));
});

test("before anything is heard there is a waveform without colours", () => {
  const page = canvas(300, 100);
  drawTimeline(page, { peaks: { per_second: 10, peaks: [9, 9] }, regions: [], from: 0, to: 0.2 }, { ...LOOK, gutter: 0 });
  assert.deepEqual(new Set(page.drawn.map(({ colour }) => colour)), new Set(["grey"]));
});
