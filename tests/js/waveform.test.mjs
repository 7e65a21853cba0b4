import assert from "node:assert/strict";
import test from "node:test";
import { bars, path, peaks, split } from "../../static/js/waveform.js";

const count = (d) => (d.match(/M/g) ?? []).length;

test("peaks are the loudest of each part, and the loudest of all is 1", () => {
  assert.deepEqual(peaks([1, -4, 2, 2, 0, 0], 3), [1, 0.5, 0]);
  assert.deepEqual(peaks([0, 0], 2), [0, 0]);
  assert.equal(peaks(new Int16Array(48000).fill(-32768), 100).length, 100);
});

test("each height is one bar that stays inside the drawing, silence a thin one", () => {
  const d = path([0, 0.5, 1, 9]);
  assert.equal(count(d), 4);
  for (const [, x, top, tall] of d.matchAll(/M([\d.]+) ([\d.]+)v([\d.]+)/g)) {
    assert.ok(Number(top) >= 0 && Number(top) + Number(tall) <= 64.1);
    assert.ok(Number(tall) > 1 && Number(x) <= bars(300) * 3);
  }
});

test("heard and rest together are all bars, and each bar once", () => {
  const heights = new Array(100).fill(0.5);
  for (const heard of [[0, 3], [2, 5], [7, 10], [0, 10], [4.05, 4.06]]) {
    const parts = split(heights, heard, 10);
    assert.equal(count(parts.heard) + count(parts.rest), 100);
    const xs = [...`${parts.heard}${parts.rest}`.matchAll(/M([\d.]+)/g)].map((match) => match[1]);
    assert.equal(new Set(xs).size, 100);
    assert.ok(Math.abs(count(parts.heard) - (heard[1] - heard[0]) * 10) <= 2);
  }
});
